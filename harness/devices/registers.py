"""Registers of a device: their declarations, and the effects of accesses; pure.

A `Bar` and its `Register`s are declared in the body of a class. On an object of
that class a register is a number, and the BAR gives the registers by offset.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from rustbed.errors import UsageError

_WIDTHS = (1, 2, 4, 8)
# least sizes of BARs, since their low bits are the type (PCI Local Bus Specification 3.0, 6.2.5.1)
_LEAST_MEMORY, _LEAST_IO = 16, 4


class Registered(Protocol):
    """An object whose class declares BARs."""

    @property
    def bars(self) -> Mapping[int, Contents]:
        """Contents of the BARs, by index."""


class Register:
    """A register in a BAR; on a device object the attribute is its current value."""

    def __init__(self, bar: int, offset: int, width: int, reset: int, read_only: bool) -> None:
        self.bar = bar
        self.offset = offset
        # bytes
        self.width = width
        # value after a reset
        self.reset = reset
        # whether the driver's writes are dropped
        self.read_only = read_only
        # set when the class is created
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, device: None, kind: type) -> Register: ...
    @overload
    def __get__(self, device: Registered, kind: type) -> int: ...
    def __get__(self, device: Registered | None, kind: type) -> Register | int:
        if device is None:
            return self
        return device.bars[self.bar].load(self.offset, self.width)

    def __set__(self, device: Registered, value: int) -> None:
        device.bars[self.bar].store(self.offset, self.width, value)

    @property
    def end(self) -> int:
        """The first offset behind it."""
        return self.offset + self.width

    def __repr__(self) -> str:
        return f"{self.name or 'a register'} at {self.offset:#04x} (width {self.width})"


class Bar:
    """A base address register and the region behind it: registers, or plain memory.

    `size` is in bytes and a power of two. Undeclared offsets are plain memory in a BAR with
    `memory`; otherwise they are handled by the device's `on_read` and `on_write`.
    Raises UsageError for a BAR that PCI cannot have.
    """

    def __init__(
        self,
        index: int,
        *,
        size: int,
        bits: int = 32,
        io: bool = False,
        prefetchable: bool = False,
        memory: bool = False,
    ) -> None:
        self.index, self.size, self.bits = index, size, bits
        self.io, self.prefetchable, self.memory = io, prefetchable, memory
        self.registers: list[Register] = []
        #: bytes of the smallest BAR of this kind
        self.least = least = _LEAST_IO if io else _LEAST_MEMORY
        if not 0 <= index <= (4 if bits == 64 else 5):
            raise UsageError(
                f"a {bits}-bit BAR cannot have index {index}", choices="0 to 5, or 0 to 4 of 64 bits"
            )
        if bits not in (32, 64) or (io and (bits == 64 or prefetchable)):
            raise UsageError(f"BAR {index}: memory has 32 or 64 bits, I/O ports have 32 and no prefetching")
        if size < least or size & (size - 1):
            raise UsageError(f"BAR {index}: {size} bytes is not a power of two of at least {least}")

    def register(self, offset: int, *, width: int = 4, reset: int = 0, read_only: bool = False) -> Register:
        """Declare a register of `width` bytes at `offset`; its name is that of the class attribute.

        The class may have a method `on_read_NAME` that returns the value of a read, and
        a method `on_write_NAME` that is called with a written value after it was stored.
        Raises UsageError if it does not fit.
        """
        made = Register(self.index, offset, width, reset, read_only)
        if width not in _WIDTHS or offset < 0 or offset % width:
            raise UsageError(f"BAR {self.index}: {made} is not aligned to its width", widths="1, 2, 4, 8")
        if made.end > self.size:
            raise UsageError(f"BAR {self.index}: {made} lies outside of its {self.size} bytes")
        if not 0 <= reset < 1 << (8 * width):
            raise UsageError(f"BAR {self.index}: the reset value {reset:#x} of {made} does not fit")
        self.registers.append(made)
        return made

    @overload
    def __get__(self, device: None, kind: type) -> Bar: ...
    @overload
    def __get__(self, device: Registered, kind: type) -> Contents: ...
    def __get__(self, device: Registered | None, kind: type) -> Bar | Contents:
        return self if device is None else device.bars[self.index]

    def __set__(self, device: Registered, value: object) -> None:
        raise UsageError(f"BAR {self.index} cannot be assigned to; its registers and bytes can")


def check_registers(kind: str, bar: Bar) -> None:
    """Raise UsageError if two registers of a BAR share a byte, or one has no name."""
    ordered = sorted(bar.registers, key=lambda register: (register.offset, register.width))
    for before, after in itertools.pairwise(ordered):
        if after.offset < before.end:
            raise UsageError(f"{kind}, BAR {bar.index}: {before} and {after} overlap")
    for register in ordered:
        if not register.name:
            raise UsageError(
                f"{kind}, BAR {bar.index}: {register} has no name",
                fix="assign it to a name of the class that nothing else is assigned to",
            )


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of one device's BAR: its bytes, and the callbacks for accesses."""

    bar: Bar
    memory: bytearray
    # by the register's name
    readers: Mapping[str, Callable[[], int]]
    writers: Mapping[str, Callable[[int], None]]
    # called for accesses that touch no register, with offset and width, or offset, width and value
    read_other: Callable[[int, int], int]
    write_other: Callable[[int, int, int], None]
    # registers by offset and width, for the common case of an access to exactly one register
    exact: dict[tuple[int, int], Register] = field(default_factory=dict)

    def reset(self) -> None:
        """Give all registers their reset values; plain memory does not change."""
        for register in self.bar.registers:
            self.store(register.offset, register.width, register.reset)
            self.exact[register.offset, register.width] = register

    def load(self, offset: int, width: int) -> int:
        """Return the bytes at an offset as a number, without a callback."""
        return int.from_bytes(self.memory[offset : offset + width], "little")

    def store(self, offset: int, width: int, value: int) -> None:
        """Store the low bytes of a number, without a callback."""
        self.memory[offset : offset + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> bytes: ...
    def __getitem__(self, where: int | slice) -> int | bytes:
        if isinstance(where, slice):
            return bytes(self.memory[where])
        found = [register for register in self.bar.registers if register.offset == where]
        return self.load(where, found[0].width if found else 1)

    def __setitem__(self, where: slice, value: bytes) -> None:
        if len(self.memory[where]) != len(value):
            raise UsageError(f"BAR {self.bar.index}: {len(value)} bytes do not fit there")
        self.memory[where] = value

    # -- what the driver does ------------------------------------------------

    def read(self, offset: int, width: int) -> bytes:
        """Return the bytes of a read by the driver, calling the device's callbacks."""
        register = self.exact.get((offset, width))
        if register is not None:
            if register.name not in self.readers:
                return bytes(self.memory[offset : offset + width])
            return self._value(register).to_bytes(width, "little")
        touching = self._touched(offset, width)
        if self.bar.memory:
            got = self.memory[offset : offset + width]
        else:
            got = bytearray(width if touching else self.read_other(offset, width).to_bytes(width, "little"))
        for touched in touching:
            whole = self._value(touched).to_bytes(touched.width, "little")
            low, high = max(offset, touched.offset), min(offset + width, touched.end)
            got[low - offset : high - offset] = whole[low - touched.offset : high - touched.offset]
        return bytes(got)

    def write(self, offset: int, data: bytes) -> None:
        """Store a write by the driver and call the device's callbacks, with the whole registers' values."""
        register = self.exact.get((offset, len(data)))
        if register is not None:
            self._put(register, int.from_bytes(data, "little"))
            return
        touching = self._touched(offset, len(data))
        if self.bar.memory:
            self._fill(offset, data, touching)
        elif not touching:
            self.write_other(offset, len(data), int.from_bytes(data, "little"))
        for touched in touching:
            whole = bytearray(self.load(touched.offset, touched.width).to_bytes(touched.width, "little"))
            low, high = max(offset, touched.offset), min(offset + len(data), touched.end)
            whole[low - touched.offset : high - touched.offset] = data[low - offset : high - offset]
            self._put(touched, int.from_bytes(whole, "little"))

    def _fill(self, offset: int, data: bytes, touching: Sequence[Register]) -> None:
        """Store bytes that belong to no register."""
        taken = {at for one in touching for at in range(one.offset, one.end)}
        for at, byte in enumerate(data, offset):
            if at not in taken:
                self.memory[at] = byte

    def _touched(self, offset: int, width: int) -> list[Register]:
        return [each for each in self.bar.registers if each.offset < offset + width and offset < each.end]

    def _value(self, register: Register) -> int:
        reader = self.readers.get(register.name)
        if reader is None:
            return self.load(register.offset, register.width)
        value = reader()
        if not isinstance(value, int) or not 0 <= value < 1 << (8 * register.width):
            raise UsageError(f"on_read_{register.name} returned {value!r}", wanted=f"{register.width} bytes")
        return value

    def _put(self, register: Register, value: int) -> None:
        if register.read_only:
            return
        self.store(register.offset, register.width, value)
        writer = self.writers.get(register.name)
        if writer is not None:
            writer(value)
