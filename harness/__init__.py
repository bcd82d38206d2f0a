"""rustbed: a QEMU test bed for Rust drivers in the Linux kernel.

What a test author needs, and nothing else: the types of the fixtures `vm`, `boot` and `kernel`, of what
they return, and the errors they raise. A name is imported when it is first asked for, so that a part of
rustbed can be used without all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# where each name is
_HOMES = {
    **dict.fromkeys(
        (
            *("BootError", "CommandError", "CrashError", "DeviceError", "ForkError", "HangError"),
            *("HarnessError", "LostError"),
            *("MachineError", "MismatchError", "MonitorError", "SuiteError", "SyscallError", "UsageError"),
            "WaitError",
        ),
        "errors",
    ),
    **dict.fromkeys(("Dma", "Interrupt", "Read", "Reset", "Write"), "devices.trace"),
    "Answer": "guest.shell",
    "Bar": "devices.registers",
    "Booter": "request",
    **dict.fromkeys(("Fault", "FaultKind"), "devices.faults"),
    "card": "devices.card",
    "every_fault": "devices.plan",
    "GuestFile": "guest.held",
    **dict.fromkeys(("IoctlResult", "Struct"), "guest.files"),
    "Kernel": "kernel.artifact",
    "Log": "log.window",
    "PciDevice": "devices.pci",
    **dict.fromkeys(("Heard", "Said", "SerialPeer"), "devices.serial"),
    "Plugged": "machine.hotplug",
    **dict.fromkeys(("Ints", "PlatformDevice"), "machine.platformdevice"),
    "Record": "log.record",
    "Splat": "log.splat",
    **dict.fromkeys(("Endpoint", "Transfer"), "devices.usb.descriptors"),
    **dict.fromkeys(("Control", "Moved"), "devices.usb.events"),
    **dict.fromkeys(("Stall", "UsbDevice"), "devices.usb.model"),
    **dict.fromkeys(("I2cBus", "I2cRead", "I2cWrite"), "devices.i2c.bus"),
    **dict.fromkeys(("I2cChip", "I2cRegister", "Nack"), "devices.i2c.chip"),
    **dict.fromkeys(("SpiBus", "SpiChip", "SpiMode", "SpiTransfer"), "devices.spi.bus"),
    **dict.fromkeys(("GpioChip", "GpioLine"), "devices.gpio.chip"),
    **dict.fromkeys(
        ("Direction", "GpioInterrupt", "GpioRead", "GpioSetup", "GpioWrite", "Trigger"), "devices.gpio.events"
    ),
    "Vm": "machine.vm",
    "explain": "explained",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the names of the table

if TYPE_CHECKING:
    from rustbed.devices.card import card as card
    from rustbed.devices.faults import Fault as Fault
    from rustbed.devices.faults import FaultKind as FaultKind
    from rustbed.devices.gpio.chip import GpioChip as GpioChip
    from rustbed.devices.gpio.chip import GpioLine as GpioLine
    from rustbed.devices.gpio.events import Direction as Direction
    from rustbed.devices.gpio.events import GpioInterrupt as GpioInterrupt
    from rustbed.devices.gpio.events import GpioRead as GpioRead
    from rustbed.devices.gpio.events import GpioSetup as GpioSetup
    from rustbed.devices.gpio.events import GpioWrite as GpioWrite
    from rustbed.devices.gpio.events import Trigger as Trigger
    from rustbed.devices.i2c.bus import I2cBus as I2cBus
    from rustbed.devices.i2c.bus import I2cRead as I2cRead
    from rustbed.devices.i2c.bus import I2cWrite as I2cWrite
    from rustbed.devices.i2c.chip import I2cChip as I2cChip
    from rustbed.devices.i2c.chip import I2cRegister as I2cRegister
    from rustbed.devices.i2c.chip import Nack as Nack
    from rustbed.devices.pci import PciDevice as PciDevice
    from rustbed.devices.plan import every_fault as every_fault
    from rustbed.devices.registers import Bar as Bar
    from rustbed.devices.serial import Heard as Heard
    from rustbed.devices.serial import Said as Said
    from rustbed.devices.serial import SerialPeer as SerialPeer
    from rustbed.devices.spi.bus import SpiBus as SpiBus
    from rustbed.devices.spi.bus import SpiChip as SpiChip
    from rustbed.devices.spi.bus import SpiMode as SpiMode
    from rustbed.devices.spi.bus import SpiTransfer as SpiTransfer
    from rustbed.devices.trace import Dma as Dma
    from rustbed.devices.trace import Interrupt as Interrupt
    from rustbed.devices.trace import Read as Read
    from rustbed.devices.trace import Reset as Reset
    from rustbed.devices.trace import Write as Write
    from rustbed.devices.usb.descriptors import Endpoint as Endpoint
    from rustbed.devices.usb.descriptors import Transfer as Transfer
    from rustbed.devices.usb.events import Control as Control
    from rustbed.devices.usb.events import Moved as Moved
    from rustbed.devices.usb.model import Stall as Stall
    from rustbed.devices.usb.model import UsbDevice as UsbDevice
    from rustbed.errors import BootError as BootError
    from rustbed.errors import CommandError as CommandError
    from rustbed.errors import CrashError as CrashError
    from rustbed.errors import DeviceError as DeviceError
    from rustbed.errors import ForkError as ForkError
    from rustbed.errors import HangError as HangError
    from rustbed.errors import HarnessError as HarnessError
    from rustbed.errors import LostError as LostError
    from rustbed.errors import MachineError as MachineError
    from rustbed.errors import MismatchError as MismatchError
    from rustbed.errors import MonitorError as MonitorError
    from rustbed.errors import SuiteError as SuiteError
    from rustbed.errors import SyscallError as SyscallError
    from rustbed.errors import UsageError as UsageError
    from rustbed.errors import WaitError as WaitError
    from rustbed.explained import explain as explain
    from rustbed.guest.files import IoctlResult as IoctlResult
    from rustbed.guest.files import Struct as Struct
    from rustbed.guest.held import GuestFile as GuestFile
    from rustbed.guest.shell import Answer as Answer
    from rustbed.kernel.artifact import Kernel as Kernel
    from rustbed.log.record import Record as Record
    from rustbed.log.splat import Splat as Splat
    from rustbed.log.window import Log as Log
    from rustbed.machine.hotplug import Plugged as Plugged
    from rustbed.machine.platformdevice import Ints as Ints
    from rustbed.machine.platformdevice import PlatformDevice as PlatformDevice
    from rustbed.machine.vm import Vm as Vm
    from rustbed.request import Booter as Booter
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # kept, so that it is looked for once
        return globals().setdefault(name, getattr(import_module(f"{__name__}.{_HOMES[name]}"), name))

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
