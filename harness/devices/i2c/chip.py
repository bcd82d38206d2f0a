"""The base class for I2C chips: an author's declarations and callbacks; pure.

By default the first byte of a write is a pointer to a register, as in nearly all chips; other chips
override `on_write` and `on_read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, overload

from rustbed.devices.callbacks import READ, WRITE, check_callbacks
from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.injector import OF_TRANSFERS, FromInjector, Injector
from rustbed.errors import UsageError

Self = TypeVar("Self", bound="I2cChip")
# addresses that are not reserved (UM10204, 3.1.12)
_ADDRESSES = range(0x08, 0x78)


class Nack(Exception):  # noqa: N818 - the word of the specification
    """The chip does not acknowledge; raised by an author's methods."""


class I2cRegister:
    """A register of one or more bytes, big-endian; on a chip object the attribute is its current value."""

    def __init__(self, pointer: int, *, width: int = 1, reset: int = 0, read_only: bool = False) -> None:
        self.pointer = pointer
        # bytes
        self.width = width
        # value after power-on
        self.reset = reset
        # whether the driver's writes are dropped
        self.read_only = read_only
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, chip: None, kind: type) -> I2cRegister: ...
    @overload
    def __get__(self, chip: I2cChip, kind: type) -> int: ...
    def __get__(self, chip: I2cChip | None, kind: type) -> I2cRegister | int:
        return self if chip is None else chip.values[self.pointer]

    def __set__(self, chip: I2cChip, value: int) -> None:
        if not 0 <= value < 1 << 8 * self.width:
            raise UsageError(f"{self.name} is set to {value:#x}", wanted=f"a number of {self.width} bytes")
        chip.values[self.pointer] = value


class I2cChip:
    """An I2C chip; an author's class derives from it.

    Methods `on_read_NAME` and `on_write_NAME` are called for the register NAME. All run in one thread of
    the host, one after the other. Raises UsageError for a class with wrong declarations.
    """

    #: 7 bits
    address: int
    #: seconds for which it stretches the clock in each transfer
    stretch_s = 0.0
    #: its fault, counted in its transfers from now on; None: it works
    fault = FromInjector[Fault | None]()

    _declared: Mapping[int, I2cRegister] = {}

    #: values of the registers, by pointer
    values: dict[int, int]
    #: pointer of the register that the driver chose last
    pointer: int
    faults: Injector

    def __init_subclass__(cls) -> None:
        """Check what the class declares."""
        found = {name: value for kind in reversed(cls.__mro__) for name, value in vars(kind).items()}
        registers = [value for value in found.values() if isinstance(value, I2cRegister)]
        if getattr(cls, "address", None) not in _ADDRESSES:
            raise UsageError(
                f"{cls.__name__}: address is {getattr(cls, 'address', None)!r}", wanted="0x08 to 0x77"
            )
        cls._declared = {register.pointer: register for register in registers}
        if len(cls._declared) != len(registers):
            raise UsageError(f"{cls.__name__}: two registers have the same pointer")
        for register in registers:
            if register.width < 1 or register.pointer not in range(256):
                raise UsageError(f"{cls.__name__}.{register.name}: a pointer is a byte, a width at least one")
        check_callbacks(cls.__name__, found, {each.name: not each.read_only for each in registers})

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Create a chip; in __new__, so that an author's __init__ need not call super()."""
        self = super().__new__(cls)
        self.values = {pointer: register.reset for pointer, register in cls._declared.items()}
        self.pointer = 0
        self.faults = Injector(kinds=OF_TRANSFERS | {FaultKind.LATE})
        return self

    # -- for an author to write --------------------------------------------------

    def on_write(self, data: bytes) -> None:
        """Handle a write: a pointer, and values from that register on. Raise `Nack` to refuse it."""
        if not data:
            return
        self.pointer, at, left = data[0], data[0], data[1:]
        while left:
            register = type(self)._declared.get(at)
            width = register.width if register else 1
            if register is not None and len(left) >= width and not register.read_only:
                self._store(register, int.from_bytes(left[:width], "big"))
            at, left = (at + 1) & 0xFF, left[width:]

    def on_read(self, count: int) -> bytes:
        """Return `count` bytes from the chosen register on. Raise `Nack` to refuse the read."""
        at, data = self.pointer, b""
        while len(data) < count:
            register = type(self)._declared.get(at)
            data += self._load(register) if register else b"\xff"
            at = (at + 1) & 0xFF
        return data[:count]

    def _load(self, register: I2cRegister) -> bytes:
        callback = getattr(self, READ + register.name, None)
        value = self.values[register.pointer] if callback is None else int(callback())
        return value.to_bytes(register.width, "big")

    def _store(self, register: I2cRegister, value: int) -> None:
        self.values[register.pointer] = value
        callback = getattr(self, WRITE + register.name, None)
        if callback is not None:
            callback(value)
