"""What a row of the table of architectures says; the rows are in arch.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Firmware(StrEnum):
    """How a test can describe devices to the kernel when QEMU boots it directly."""

    ACPI = "acpi"
    DEVICE_TREE = "device-tree"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Arch:
    """One architecture; the fields are in the order in which a run uses them."""

    # our name, and the test id's suffix
    name: str
    # `uname -m` on such a machine
    uname: str
    # 1: tested by default and by the project's gate; 2: tested on request
    tier: int
    # make ARCH=
    kernel_arch: str
    # directory below arch/ in the kernel's sources, where nolibc and defconfigs look
    source_arch: str
    # fragments of kconfigs/ besides base, rust and arch/<name>
    fragments: tuple[str, ...]
    # the bootable image below the build directory
    kernel_image: str
    # variables that make always needs for such a kernel; part of the kernel's key
    make_settings: tuple[str, ...] = ()
    # an offset in that image and the bytes there: its signature (boot protocol, in Documentation/arch/)
    image_magic: tuple[int, bytes]
    # LLVM target triple of guest user space
    triple: str
    # Debian's name, and the suite that guest packages come from
    debian_arch: str
    debian_suite: str = "trixie"
    # e_machine, EI_CLASS bits and byte order of modules and vmlinux (ELF specification)
    elf_machine: int
    word_bits: int
    big_endian: bool
    # QEMU: binary suffix, Debian's package, -machine, -cpu under TCG
    qemu: str
    qemu_package: str
    machine: str
    cpu: str
    # memory comes in multiples of so many MiB; a request is rounded up
    memory_unit_mib: int = 1
    # a profile and the CPU for its kernels, where the one above cannot run them
    profile_cpus: tuple[tuple[str, str], ...] = ()
    # device given with -device to carry the virtio-serial ports
    virtio_serial: str
    # console=, the tty that -serial is
    console: str
    # the tty of an interactive machine, a console of virtio
    terminal: str = "hvc0"
    # what goes before a sysrq key on the console; empty: a break
    sysrq_prefix: str = ""
    firmware: Firmware
    # an interrupt of the machine's controller in a device tree, LINE for its number; empty without a tree
    tree_interrupt: str = ""
    # port driver and bus of hotpluggable slots; empty where the machine has none
    hotplug_port: str
    # devices for tests that this architecture's QEMU lacks, or that its machine does not take
    lacks: tuple[str, ...] = ()
    # whether the machine takes PCI devices with MSI-X only: QEMU's hw/s390x/s390-pci-bus.c
    only_msix: bool = False
    # directions in the number of an ioctl: none, the user writes, the user reads (uapi/asm-generic/ioctl.h)
    ioctl_directions: tuple[int, int, int] = (0, 1 << 30, 2 << 30)
    # UARTs that -serial connects, including that of the console
    serial_ports: int = 1
    # extra arguments the machine always needs
    machine_args: tuple[str, ...] = ()
    # whether the last lines before a shutdown may be lost: docs/findings/s390-last-words.md
    drops_last_words: bool = False
    # QEMU's number of a CPU's timer interrupt, where it restores the timer unstarted (decision 47)
    stopped_timer: int | None = None
    # what the kernel logs if it measured its clocks wrongly because the host was busy, empty if it does
    # not measure: such a boot serves one test and is not saved for others
    mismeasured: str = ""
    # whether QEMU can go back in a recording of the machine
    rewinds: bool = True
    # kernel command line the machine always needs
    cmdline: tuple[str, ...] = ()
    # gdb's names of the registers in struct pt_regs, in its order, "-" for other members; empty where debug
    # information describes the kernel's entry code, which calls the handlers of exceptions
    saved_registers: tuple[str, ...] = ()

    def cpu_for(self, profile: str) -> str:
        """Return the CPU that QEMU emulates for a kernel of this profile."""
        return dict(self.profile_cpus).get(profile, self.cpu)

    @property
    def has_pci(self) -> bool:
        """Whether the machine has a PCI bus."""
        return "pci" in self.fragments

    @property
    def largest_ioctl(self) -> int:
        """The size in bytes of the largest argument that an ioctl's number can tell."""
        return (min(bits for bits in self.ioctl_directions if bits) >> 16) - 1

    def ioctl_number(self, direction: int, kind: int, number: int, size: int) -> int:
        """Return the number of an ioctl, as the macro _IOC computes it.

        `direction` is that of asm-generic: 0 for none, 1 if the user writes, 2 if the user reads, 3 for both.
        `size` is that of the argument in bytes.
        """
        none, write, read = self.ioctl_directions
        bits = (none, write, read, write | read)[direction]
        return bits | size << 16 | kind << 8 | number

    def __repr__(self) -> str:
        return self.name
