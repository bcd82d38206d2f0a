"""A machine spec: the description of a virtual machine, as a frozen value.

Knows nothing of processes, of pytest, or of how kernels and images are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rustbed.arch import Arch
from rustbed.devices.device import Device
from rustbed.kernel.artifact import Kernel

# fields of Hardware besides devices: those that hold words, and those that hold a number in a range. They
# also validate machine.json of bundles, which come from strangers.
WORDS = ("machine_options", "cmdline", "qemu_args")
NUMBERS = {
    "memory_mib": range(1, 2**20 + 1),
    "cpus": range(1, 4096 + 1),
    "free_ports": range(256 + 1),
}


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The hardware that a test may ask for."""

    # in order: arguments of -device, and devices that the host serves
    devices: tuple[str | Device, ...] = ()
    # guest RAM in MiB
    memory_mib: int = 256
    cpus: int = 1
    # appended to the kernel command line
    cmdline: tuple[str, ...] = ()
    # appended to -machine: "iommu=smmuv3"
    machine_options: tuple[str, ...] = ()
    # empty slots that devices can be hotplugged into, on machines with PCI
    free_ports: int = 2
    # further QEMU arguments, for anything without a field
    qemu_args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """A virtual machine, complete enough to start QEMU with."""

    hardware: Hardware = field(default_factory=Hardware)
    kernel: Kernel
    initramfs: Path
    # "kvm" or "tcg"
    accel: str = "tcg"
    # device tree blob that replaces QEMU's own; machines with ACPI have both
    dtb: Path | None = None
    # compiled ACPI tables
    acpi_tables: tuple[Path, ...] = ()

    @property
    def arch(self) -> Arch:
        """The architecture, which is the kernel's."""
        return self.kernel.arch

    @property
    def served_devices(self) -> tuple[Device, ...]:
        """The devices that the host serves."""
        return tuple(device for device in self.hardware.devices if isinstance(device, Device))

    def appended(
        self,
        *,
        machine_options: Iterable[str] = (),
        cmdline: Iterable[str] = (),
        qemu_args: Iterable[str] = (),
    ) -> MachineSpec:
        """Return the machine with these words appended to those of its hardware."""
        hardware = replace(
            self.hardware,
            machine_options=(*self.hardware.machine_options, *machine_options),
            cmdline=(*self.hardware.cmdline, *cmdline),
            qemu_args=(*self.hardware.qemu_args, *qemu_args),
        )
        return replace(self, hardware=hardware)
