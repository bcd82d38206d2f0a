"""The slot of a PCIe port, as the guest's kernel has it: turned off, or emptied without its knowledge.

Knows the guest's files and the port's registers. That QEMU lets go of what was in there, `hotplug` waits for.
"""

from __future__ import annotations

from rustbed.guest import files
from rustbed.machine.live import Live

# where the guest's kernel shows its PCI devices
DEVICES = "/sys/bus/pci/devices"

# finds the slot of an address without function, and turns it off; returns when the kernel is done
_TURN_OFF = (
    "for slot in /sys/bus/pci/slots/*; do"
    ' read -r at <$slot/address && [ "$at" = {slot} ] && echo 0 >$slot/power && exit;'
    " done; exit 1"
)

# where configuration space has its list of capabilities, and the capability of PCI Express
# (PCI Express Base Specification 4.0, 7.5.1.1.11 and 7.5.3)
_CAPABILITIES, _EXPRESS = 0x34, 0x10
# in the latter: Slot Control (7.5.3.10), whose bits are interrupts, the power indicator off, the power off
_SLOT_CONTROL = 0x18
_INTERRUPTS, _OFF = 0x0020, 0x0700


def turn_off(live: Live, address: str, timeout_s: float) -> None:
    """Have the guest's kernel turn off the slot of a device; return when it is done. Raises CommandError."""
    live.check(_TURN_OFF.format(slot=address.rpartition(".")[0]), timeout_s)


def find_port(live: Live, address: str) -> str:
    """Return the path of the port that a device is behind, in the guest's sysfs."""
    return live.check(f"readlink -f {DEVICES}/{address}/..").strip()


def empty(live: Live, port: str) -> None:
    """Take out what is in a port's slot, at once: the guest's kernel finds out when it is gone.

    QEMU takes out what is in a slot whose power and whose indicator are off, and says so by an interrupt.
    The register is the kernel's own, which does nothing about a slot that it takes for one it has turned off:
    so it has its value back before it can look, and meanwhile there is no interrupt.
    """
    at, control = _read_control(live, port)
    gone = (control | _OFF) & ~_INTERRUPTS
    files.pwrite_each(
        live, f"{port}/config", [(at, value.to_bytes(2, "little")) for value in (gone, control)]
    )


def is_off(live: Live, port: str) -> bool:
    """Whether the guest's kernel has turned off a port's slot: what is plugged in before that goes again."""
    _, control = _read_control(live, port)
    return control & _OFF == _OFF


def _read_control(live: Live, port: str) -> tuple[int, int]:
    """Return where a port's configuration space has Slot Control, and its value."""
    config = files.read(live, f"{port}/config", 256)
    at = config[_CAPABILITIES]
    while config[at] != _EXPRESS:
        at = config[at + 1]
    at += _SLOT_CONTROL
    return at, int.from_bytes(config[at : at + 2], "little")
