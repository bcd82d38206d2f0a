"""The table of architectures: what differs between them, as data.

An architecture is a row here and a fragment in kconfigs/arch/. No other module
compares names of architectures; it reads a field of the row.
"""

from __future__ import annotations

from rustbed.archrow import Arch, Firmware
from rustbed.errors import UsageError

__all__ = ["ARCHES", "DEFAULT_ARCHES", "Arch", "Firmware", "find_arch_of", "require_arch"]

# the trap of a warning on powerpc and its bug_entry, as BUG_ENTRY of its asm/bug.h makes them for C
_WARN_ASM = (
    r'ARCH_WARN_ASM(file,line,flags,size)="1:\ttwi\t31,0,0\n.pushsection\t__bug_table,\"aw\"\n"'
    r'"2:\t.4byte\t1b-.\n.4byte\t"file"-.\n.short\t"line","flags"\n.org\t2b+"size"\n.popsection"'
)

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
            # of emulated string instructions each byte is a store of its own: docs/decisions/0050
            cpu="max,erms=off,fsrm=off,fsrs=off",
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
            # arch/loongarch/include/asm/ptrace.h; the entry code runs in a copy, which has no description
            saved_registers=("-", *(f"r{number}" for number in range(1, 32)), "-", "pc"),
        ),
        Arch(
            name="s390x",
            uname="s390x",
            tier=2,
            kernel_arch="s390",
            source_arch="s390",
            fragments=("pci",),
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
            lacks=("pci-testdev", "edu", "pcie-root-port"),
            only_msix=True,
            drops_last_words=True,
            # arch/s390/include/asm/ptrace.h, whose first member is an argument, above a frame of 20 words
            # (asm/stacktrace.h); the entry code is described for the kernel's own unwinder only
            saved_registers=(*21 * ("-",), "pswm", "pc", *(f"r{number}" for number in range(16))),
        ),
        Arch(
            name="powerpc64le",
            uname="ppc64le",
            tier=2,
            kernel_arch="powerpc",
            source_arch="powerpc",
            fragments=("pci",),
            # the boot wrapper's own images need a linker for powerpc that is called ld
            kernel_image="arch/powerpc/boot/zImage",
            make_settings=(
                # two macros for warn_on! of Rust that asm/bug.h lacks: docs/findings/powerpc-lacks-a-macro.md
                f"CFLAGS_kernel/generated_arch_warn_asm.o=-D'{_WARN_ASM}'",
                "CFLAGS_kernel/generated_arch_reachable_asm.o=-DARCH_WARN_REACHABLE=",
                # zImage is then vmlinux without its debug information, which QEMU boots
                "image-y=vmlinux.strip",
            ),
            # ELF for this machine, a program or position-independent
            image_magic=(0x12, b"\x15\x00\x01\x00\x00\x00"),
            triple="powerpc64le-linux-gnu",
            debian_arch="ppc64el",
            elf_machine=21,
            word_bits=64,
            big_endian=False,
            qemu="ppc64",
            qemu_package="qemu-system-ppc",
            # TCG emulates none of the defences against speculation that the machine would offer; the other
            # firmware, SLOF, takes 7 s of processor time before it starts the kernel
            machine="pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,x-vof=on",
            cpu="power9",
            memory_unit_mib=256,
            virtio_serial="virtio-serial-pci",
            console="hvc0",
            terminal="hvc1",
            sysrq_prefix="\x0f",  # drivers/tty/hvc/hvc_console.c
            firmware=Firmware.NONE,
            hotplug_port="",
            # its edu is big-endian in this emulator (DEVICE_NATIVE_ENDIAN in hw/misc/edu.c); QEMU 11.1.3 ends
            # when the host bridge meets a vfio-user-pci, whose container it takes for VFIO's
            lacks=("edu", "pcie-root-port", "vfio-user-pci"),
            # arch/powerpc/include/uapi/asm/ioctl.h
            ioctl_directions=(1 << 29, 4 << 29, 2 << 29),
            # arch/powerpc/include/asm/ptrace.h, above a frame of 6 words; the entry code is not described
            saved_registers=(
                *(6 * ("-",)),
                *(f"r{number}" for number in range(32)),
                *("pc", "msr", "-", "ctr", "lr", "xer", "cr"),
            ),
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
