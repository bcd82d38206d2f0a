"""What an author writes a device as, whatever bus it is on, and the device that a machine takes for it."""

from __future__ import annotations

from importlib import import_module

from rustbed.devices.device import Device
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.pci import PciDevice
from rustbed.devices.serial import SerialPeer
from rustbed.devices.usb.model import UsbDevice

Model = PciDevice | SerialPeer | UsbDevice | I2cBus

# the module whose device_of() makes a device of each kind of model: most sessions need none of them
_SERVED = {PciDevice: "served", SerialPeer: "serial", UsbDevice: "usb.served", I2cBus: "i2c.served"}


def find_device(given: object) -> Device | None:
    """Return the device that a model is to a machine; None if it is none.

    One machine after the other may have a model, not two at once.
    """
    if isinstance(given, Device):
        return given
    for kind, module in _SERVED.items():
        if isinstance(given, kind):
            made: Device = import_module(f"{__package__}.{module}").device_of(given)
            return made
    return None


def device_of(model: Model | Device) -> Device:
    """Return the device that a model is to a machine."""
    found = find_device(model)
    assert found is not None
    return found
