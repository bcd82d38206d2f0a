"""The driver under test, and the hardware that it binds to. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed.arch import Arch
from rustbed.kernel.module import ModuleFacts
from rustbed.machine.platformdevice import PlatformDevice, unfit

if TYPE_CHECKING:
    from rustbed.devices.models import Model

# QEMU's PCI devices that authors write their first drivers for, by vendor and device
_QEMU_DEVICES = {("1B36", "0005"): "pci-testdev", ("1234", "11E8"): "edu"}
_PCI = re.compile(r"pci:v0000([0-9A-F]{4})d0000([0-9A-F]{4})")
_TREE = re.compile(r"of:N\*T\*C([^*]+)$")
_ACPI = re.compile(r"acpi\*?:([A-Z0-9]{7,8}):")


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A module, and how it is used."""

    # a module of the kernel, or a module file of the host
    module: str | Path
    facts: ModuleFacts
    # the parameters that it is loaded with
    params: Mapping[str, object] = field(default_factory=dict)
    # a device that can be plugged in: an argument of -device, or a function that makes a device in Python;
    # None: the driver binds to no device of QEMU
    device: str | Callable[[], Model] | None = None
    # numbers of the ioctls that it implements, as x86_64 has them
    ioctls: tuple[int, ...] = ()
    # number of times that it is loaded, and bound
    cycles: int = 100

    @property
    def name(self) -> str:
        """The module's name in /proc/modules."""
        return self.facts.name


def find_device(aliases: Iterable[str], arch: Arch) -> str | None:
    """Return the PCI device of an architecture's QEMU that a driver binds to, None if there is none."""
    found = (match for alias in aliases if (match := _PCI.match(alias)))
    devices = (_QEMU_DEVICES.get((match[1], match[2])) for match in found)
    return next((device for device in devices if device and device not in arch.lacks), None)


def find_hardware(aliases: Iterable[str], arch: Arch) -> dict[str, object]:
    """Return the keywords of the machine marker that give a driver something to bind to.

    Empty if no such hardware is known. Firmware describes nothing of the device but its id.
    """
    aliases = list(aliases)
    if device := find_device(aliases, arch):
        return {"devices": [device]}
    tree, acpi = (
        next((match[1] for alias in aliases if (match := pattern.match(alias))), "")
        for pattern in (_TREE, _ACPI)
    )
    if not tree and not acpi:
        return {}
    described = PlatformDevice(name="life", compatible=tree or (), acpi_id=acpi)
    return {} if unfit(described, arch) else {"platform_devices": described}
