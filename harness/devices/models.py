"""Models: classes in which an author writes a device, one for each bus, and their `Device` values."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from rustbed.devices.device import Device
from rustbed.errors import UsageError

if TYPE_CHECKING:
    from rustbed.devices.gpio.chip import GpioChip
    from rustbed.devices.i2c.bus import I2cBus
    from rustbed.devices.pci import PciDevice
    from rustbed.devices.serial import SerialPeer
    from rustbed.devices.spi.bus import SpiBus
    from rustbed.devices.usb.model import UsbDevice

    Model = PciDevice | SerialPeer | UsbDevice | I2cBus | SpiBus | GpioChip

# each kind of model, and the module with its function device_of(); imported late, because most sessions
# need none: who has a model has imported its class
_SERVED = {
    ("pci", "PciDevice"): "served",
    ("serial", "SerialPeer"): "serial",
    ("usb.model", "UsbDevice"): "usb.served",
    ("i2c.bus", "I2cBus"): "i2c.served",
    ("spi.bus", "SpiBus"): "spi.served",
    ("gpio.chip", "GpioChip"): "gpio.served",
}


def find_device(given: object) -> Device | None:
    """Return the `Device` of a model; None for anything else.

    A model may be in several machines one after the other, but not in two at once.
    """
    if isinstance(given, Device):
        return given
    for (place, name), module in _SERVED.items():
        defining = sys.modules.get(f"{__package__}.{place}")
        if defining is not None and isinstance(given, getattr(defining, name)):
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
