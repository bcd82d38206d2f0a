"""Models: classes in which an author writes a device, one for each bus, and their `Device` values."""

from __future__ import annotations

from importlib import import_module

from rustbed.devices.device import Device
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.pci import PciDevice
from rustbed.devices.serial import SerialPeer
from rustbed.devices.usb.model import UsbDevice
from rustbed.errors import UsageError

Model = PciDevice | SerialPeer | UsbDevice | I2cBus

# module with the function device_of() for each kind of model; imported late, because most sessions need none
_SERVED = {PciDevice: "served", SerialPeer: "serial", UsbDevice: "usb.served", I2cBus: "i2c.served"}


def find_device(given: object) -> Device | None:
    """Return the `Device` of a model; None for anything else.

    A model may be in several machines one after the other, but not in two at once.
    """
    if isinstance(given, Device):
        return given
    for kind, module in _SERVED.items():
        if isinstance(given, kind):
            made: Device = import_module(f"{__package__}.{module}").device_of(given)
            return made
    return None


def device_of(model: Model | Device) -> Device:
    """Return the device that a model is to a machine. Raises UsageError for what is none."""
    if (found := find_device(model)) is None:
        raise UsageError(
            f"{model!r} is not a device",
            wanted="an argument of -device, a Device, or an instance of a class such as PciDevice",
        )
    return found
