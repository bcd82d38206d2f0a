"""The slot of a PCIe port in the guest: turned off by the kernel, or emptied behind its back.

Knows the guest's files in sysfs and the port's registers. `hotplug` waits until QEMU has released the device.
"""

from __future__ import annotations

from rustbed.errors import CommandError
from rustbed.guest import files
from rustbed.machine.live import Live

# the guest's directory of PCI devices
DEVICES = "/sys/bus/pci/devices"

# finds the slot with an address (without the function) and turns it off; returns when the kernel is done
_TURN_OFF = (
    "for slot in /sys/bus/pci/slots/*; do"
    ' read -r at <$slot/address && [ "$at" = {slot} ] && echo 0 >$slot/power && exit;'
    " done; exit 1"
)

# the kernel's refusal while it still turns the slot on, when it shows the device already (pciehp_ctrl.c)
_TURNING_ON = "No such device"

# offset of the capability list in configuration space, and the id of the PCI Express capability
# (PCI Express Base Specification 4.0, 7.5.1.1.11 and 7.5.3)
_CAPABILITIES, _EXPRESS = 0x34, 0x10
# offset of Slot Control in that capability (7.5.3.10); its bits: interrupts, power indicator off, power off
_SLOT_CONTROL = 0x18
_INTERRUPTS, _OFF = 0x0020, 0x0700


def turn_off(live: Live, address: str, timeout_s: float) -> None:
    """Have the guest's kernel turn off the slot of a device; return when it is done. Raises CommandError."""

    def is_done() -> bool:
        try:
            live.check(_TURN_OFF.format(slot=address.rpartition(".")[0]), timeout_s)
        except CommandError as error:
            if not error.output.endswith(_TURNING_ON):
                raise
            return False
        return True

    live.wait_for(is_done, f"the guest to turn off the slot of {address}", timeout_s)


def find_port(live: Live, address: str) -> str:
    """Return the sysfs path of the port that a device is behind."""
    return live.check(f"readlink -f {DEVICES}/{address}/..").strip()


def empty(live: Live, port: str) -> None:
    """Pull the device out of a port's slot; the guest's kernel notices afterwards.

    QEMU removes the device of a slot whose power and power indicator are turned off, and raises an interrupt.
    The kernel ignores that interrupt if it finds the slot turned off. So the interrupt is masked until
    the register has its old value again.
    """
    at, control = _read_control(live, port)
    gone = (control | _OFF) & ~_INTERRUPTS
    files.pwrite_each(
        live, f"{port}/config", [(at, value.to_bytes(2, "little")) for value in (gone, control)]
    )


def is_off(live: Live, port: str) -> bool:
    """Whether the guest's kernel has turned off a port's slot; a device plugged in earlier would go again."""
    _, control = _read_control(live, port)
    return control & _OFF == _OFF


def _read_control(live: Live, port: str) -> tuple[int, int]:
    """Return the offset of Slot Control in a port's configuration space, and its value."""
    config = files.read(live, f"{port}/config", 256)
    at = config[_CAPABILITIES]
    while config[at] != _EXPRESS:
        at = config[at + 1]
    at += _SLOT_CONTROL
    return at, int.from_bytes(config[at : at + 2], "little")
