"""The declarations of a device class: checked, and turned into configuration space; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rustbed.devices import config_space
from rustbed.devices.callbacks import READ, WRITE
from rustbed.devices.config_space import Capability, Identity
from rustbed.devices.messages import Region
from rustbed.devices.registers import Bar, Contents
from rustbed.errors import UsageError

# ids, and their width in bits
_IDS = {
    "vendor_id": 16,
    "device_id": 16,
    "subsystem_vendor_id": 16,
    "subsystem_id": 16,
    "class_code": 24,
    "revision": 8,
}


def by_index(kind: str, bars: Sequence[Bar]) -> dict[int, Bar]:
    """Return the BARs by index. Raises UsageError if two have the same index."""
    taken: dict[int, Bar] = {}
    for bar in bars:
        for index in range(bar.index, bar.index + bar.bits // 32):
            if index in taken:
                raise UsageError(f"{kind}: BAR {index} is declared twice", note="one of 64 bits takes two")
            taken[index] = bar
    return {bar.index: bar for bar in bars}


def free_index(kind: str, bars: Mapping[int, Bar]) -> int:
    """Return the last free index of a BAR. Raises UsageError if all are taken."""
    taken = {index + more for index, bar in bars.items() for more in range(bar.bits // 32)}
    free = [index for index in range(Region.BAR5 + 1) if index not in taken]
    if not free:
        raise UsageError(f"{kind}: MSI-X wants a BAR for its table, and all are taken")
    return free[-1]


def contents(device: Any, bar: Bar) -> Contents:
    """Return a device's contents of a BAR, with the callbacks of its registers."""
    return Contents(
        bar=bar,
        memory=bytearray(bar.size),
        readers=_callbacks(device, READ, bar),
        writers=_callbacks(device, WRITE, bar),
        read_other=lambda offset, width: device.on_read(bar.index, offset, width),
        write_other=lambda offset, width, value: device.on_write(bar.index, offset, width, value),
    )


def _callbacks(device: object, prefix: str, bar: Bar) -> dict[str, Callable[..., Any]]:
    """Return a device's callbacks for the registers of a BAR, by register."""
    names = [register.name for register in bar.registers if hasattr(device, prefix + register.name)]
    return {name: getattr(device, prefix + name) for name in names}


def check_ids(kind: type) -> None:
    """Raise UsageError for an id that is missing or does not fit."""
    for name, bits in _IDS.items():
        value = getattr(kind, name, None)
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise UsageError(f"{kind.__name__}: {name} is {value!r}", wanted=f"a number of {bits} bits")


def identity(kind: Any) -> Identity:
    """Return the ids of a PCI device class, for configuration space."""
    return Identity(
        vendor=kind.vendor_id,
        device=kind.device_id,
        subsystem_vendor=kind.subsystem_vendor_id,
        subsystem=kind.subsystem_id,
        class_code=kind.class_code,
        revision=kind.revision,
        interrupt_pin=int(kind.intx),
    )


def capabilities(kind: Any, bars: Mapping[int, Bar]) -> list[Capability]:
    """Return the capability list of a PCI device class with these BARs, including MSI-X."""
    found = list(kind.capabilities)
    if kind._msix_bar is not None:
        pending = bars[kind._msix_bar].size // 2
        found.insert(0, config_space.msix(kind.msix, bar=kind._msix_bar, table=0, pending=pending))
    if kind.msi:
        found.insert(0, config_space.msi(kind.msi))
    if kind.express:
        found.insert(0, config_space.express())
    return found
