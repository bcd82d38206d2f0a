"""The table of architectures: what differs between them, as data.

An architecture is a row here and a fragment in kconfigs/arch/. No other module
compares names of architectures; it reads a field of the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rustbed.errors import UsageError


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
    # a profile and the CPU for its kernels, where the one above cannot run them
    profile_cpus: tuple[tuple[str, str], ...] = ()
    # device given with -device to carry the virtio-serial ports
    virtio_serial: str
    # console=, the tty that -serial is
    console: str
    firmware: Firmware
    # an interrupt of the machine's controller in a device tree, LINE for its number; empty without a tree
    tree_interrupt: str = ""
    # port driver and bus of hotpluggable slots; empty where the machine has no PCI
    hotplug_port: str
    # devices for tests that this architecture's QEMU lacks, or that its machine does not take
    lacks: tuple[str, ...] = ()
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

    def __repr__(self) -> str:
        return self.name


ARCHES: dict[str, Arch] = {
    row.name: row
    for row in (
        Arch(
            name="x86_64",
            uname="x86_64",
            tier=1,
            kernel_arch="x86",
            source_arch="x86",
            fragments=("pci",),
            kernel_image="arch/x86/boot/bzImage",
            image_magic=(0x202, b"HdrS"),
            triple="x86_64-linux-gnu",
            debian_arch="amd64",
            elf_machine=62,
            word_bits=64,
            big_endian=False,
            qemu="x86_64",
            qemu_package="qemu-system-x86",
            machine="q35",
            cpu="max",
            virtio_serial="virtio-serial-pci",
            console="ttyS0",
            firmware=Firmware.ACPI,
            hotplug_port="pcie-root-port",
            serial_ports=4,
            # without it q35 plugs devices in by ACPI, which the other machines do not have
            machine_args=("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
            # calibration by the emulated timer is slow and sometimes wrong; an NMI makes a guest that hangs
            # with interrupts masked report where; page tables: docs/findings/kasan-forgets-five-levels.md
            cmdline=("no_timer_check", "tsc=reliable", "unknown_nmi_panic", "no5lvl"),
            # arch/x86/include/asm/ptrace.h; the entry code is described for the kernel's own unwinder only
            saved_registers=(
                *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx"),
                *("rdx", "rsi", "rdi", "-", "rip", "cs", "eflags", "rsp", "ss"),
            ),
            # playing back stops where a snapshot was loaded: https://gitlab.com/qemu-project/qemu/-/issues/2634
            rewinds=False,
            # then it uses the HPET, and reports that in the middle of a test
            mismeasured="APIC timer disabled due to verification failure",
        ),
        Arch(
            name="arm64",
            uname="aarch64",
            tier=1,
            kernel_arch="arm64",
            source_arch="arm64",
            fragments=("pci",),
            kernel_image="arch/arm64/boot/Image",
            image_magic=(0x38, b"ARM\x64"),
            triple="aarch64-linux-gnu",
            debian_arch="arm64",
            elf_machine=183,
            word_bits=64,
            big_endian=False,
            qemu="aarch64",
            qemu_package="qemu-system-arm",
            machine="virt,gic-version=3",
            cpu="cortex-a57",
            # the one above translates pages of 4 and 64 KiB only (ID_AA64MMFR0_EL1.TGran16)
            profile_cpus=(("pages16k", "neoverse-n1"),),
            virtio_serial="virtio-serial-pci",
            console="ttyAMA0",
            firmware=Firmware.DEVICE_TREE,
            tree_interrupt="&{/intc@8000000} 0 LINE 4",
            hotplug_port="pcie-root-port",
            serial_ports=2,
        ),
        Arch(
            name="riscv64",
            uname="riscv64",
            tier=1,
            kernel_arch="riscv",
            source_arch="riscv",
            fragments=("pci",),
            kernel_image="arch/riscv/boot/Image",
            image_magic=(0x38, b"RSC\x05"),
            triple="riscv64-linux-gnu",
            debian_arch="riscv64",
            elf_machine=243,
            word_bits=64,
            big_endian=False,
            qemu="riscv64",
            qemu_package="qemu-system-riscv",
            # message-signalled interrupts, which PCI drivers ask for; the default machine has a PLIC only
            machine="virt,aia=aplic-imsic",
            cpu="rv64",
            virtio_serial="virtio-serial-pci",
            console="ttyS0",
            firmware=Firmware.DEVICE_TREE,
            tree_interrupt="&{/soc/interrupt-controller@d000000} LINE 4",
            hotplug_port="pcie-root-port",
        ),
        Arch(
            name="arm",
            uname="armv7l",
            tier=2,
            kernel_arch="arm",
            source_arch="arm",
            fragments=("pci",),
            kernel_image="arch/arm/boot/zImage",
            image_magic=(0x24, b"\x18\x28\x6f\x01"),
            triple="arm-linux-gnueabihf",
            debian_arch="armhf",
            elf_machine=40,
            word_bits=32,
            big_endian=False,
            qemu="arm",
            qemu_package="qemu-system-arm",
            # a 32-bit kernel reaches devices below 4 GiB only
            machine="virt,highmem=off",
            cpu="cortex-a15",
            virtio_serial="virtio-serial-pci",
            console="ttyAMA0",
            firmware=Firmware.DEVICE_TREE,
            tree_interrupt="&{/intc@8000000} 0 LINE 4",
            hotplug_port="pcie-root-port",
            serial_ports=2,
            # arch/arm/include/uapi/asm/ptrace.h; of the entry code only the kernel has a description
            saved_registers=(
                *("r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12"),
                *("sp", "lr", "pc", "cpsr"),
            ),
        ),
        Arch(
            name="loongarch64",
            uname="loongarch64",
            tier=2,
            kernel_arch="loongarch",
            source_arch="loongarch",
            fragments=("pci",),
            kernel_image="arch/loongarch/boot/vmlinux.efi",
            image_magic=(0x38, b"\xcd\x23\x82\x81"),
            triple="loongarch64-linux-gnu",
            debian_arch="loong64",
            # Debian 14 is the first release that has it
            debian_suite="forky",
            elf_machine=258,
            word_bits=64,
            big_endian=False,
            qemu="loongarch64",
            qemu_package="qemu-system-misc",
            machine="virt",
            cpu="la464",
            virtio_serial="virtio-serial-pci",
            console="ttyS0",
            # QEMU 11.1.3 makes a device tree for it, and silently ignores -dtb
            firmware=Firmware.NONE,
            hotplug_port="pcie-root-port",
            lacks=("pci-testdev", "edu"),
            stopped_timer=11,  # IRQ_TIMER in QEMU's target/loongarch/cpu.h
        ),
        Arch(
            name="s390x",
            uname="s390x",
            tier=2,
            kernel_arch="s390",
            source_arch="s390",
            fragments=(),  # virtio devices are channel devices here
            kernel_image="arch/s390/boot/bzImage",
            image_magic=(0x10008, b"S390EP"),
            triple="s390x-linux-gnu",
            debian_arch="s390x",
            elf_machine=22,
            word_bits=64,
            big_endian=True,
            qemu="s390x",
            qemu_package="qemu-system-s390x",
            machine="s390-ccw-virtio",
            cpu="max",
            virtio_serial="virtio-serial-ccw",
            console="ttysclp0",
            firmware=Firmware.NONE,
            hotplug_port="",
            lacks=("pci-testdev", "edu", "vfio-user-pci"),
            drops_last_words=True,
        ),
    )
}

# the architectures of a session that asks for none
DEFAULT_ARCHES: tuple[Arch, ...] = tuple(row for row in ARCHES.values() if row.tier == 1)


def require_arch(name: str) -> Arch:
    """Return the row called `name`; UsageError lists the names there are."""
    try:
        return ARCHES[name]
    except KeyError:
        raise UsageError(f"unknown architecture {name!r}", known=", ".join(ARCHES)) from None


def find_arch_of(uname: str) -> Arch | None:
    """Return the row of machines where `uname -m` says this, or None."""
    return next((row for row in ARCHES.values() if row.uname == uname), None)
