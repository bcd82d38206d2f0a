"""What an author writes a device as, whatever bus it is on, and the device that a machine takes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rustbed.devices import serial, served
from rustbed.devices.device import Device
from rustbed.devices.i2c import served as i2c
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.pci import PciDevice
from rustbed.devices.serial import SerialPeer
from rustbed.devices.usb import served as usb
from rustbed.devices.usb.model import UsbDevice

Model = PciDevice | SerialPeer | UsbDevice | I2cBus

# what makes a device of each kind of model
_KINDS: dict[type, Callable[[Any], Device]] = {
    PciDevice: served.device_of,
    SerialPeer: serial.device_of,
    UsbDevice: usb.device_of,
    I2cBus: i2c.device_of,
}


def find_device(given: object) -> Device | None:
    """Return the device that a model is to a machine; None if it is none.

    One machine after the other may have a model, not two at once.
    """
    if isinstance(given, Device):
        return given
    return next((make(given) for kind, make in _KINDS.items() if isinstance(given, kind)), None)


def device_of(model: Model | Device) -> Device:
    """Return the device that a model is to a machine."""
    found = find_device(model)
    assert found is not None
    return found
