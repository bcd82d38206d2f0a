"""A PCI device's configuration space: its layout, and the effects of accesses; pure.

Sources: PCI Local Bus Specification 3.0, chapter 6; PCI Express Base Specification
3.0, section 7.8; the names are those of Linux' include/uapi/linux/pci_regs.h.
Single root I/O virtualisation is left out on purpose, because QEMU would have to create a
device for each virtual function.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rustbed.devices.registers import Bar
from rustbed.errors import UsageError

# bytes of configuration space of a conventional device, and of a PCI Express device
SIZE, EXPRESS_SIZE = 256, 4096

# PCI_COMMAND and its bits
COMMAND = 0x04
IO, MEMORY, MASTER, INTX_DISABLE = 0x1, 0x2, 0x4, 0x400
_COMMAND_WRITABLE = 0x0547
# PCI_STATUS, its bit for a capability list, and the error bits, which are cleared by writing ones
_STATUS, _STATUS_CAP_LIST, _STATUS_CLEARED = 0x06, 0x10, 0xF900
_STATUS_INTERRUPT = 0x08
_BARS, _INTERRUPT_LINE, _INTERRUPT_PIN = 0x10, 0x3C, 0x3D
_CAPABILITY_LIST, _FIRST_CAPABILITY = 0x34, 0x40
# low bits of a BAR: I/O, 64 bits, prefetchable
_BAR_IO, _BAR_64, _BAR_PREFETCH = 0x1, 0x4, 0x8

# PCI_CAP_ID_*
MSI, VENDOR, EXPRESS, MSIX = 0x05, 0x09, 0x10, 0x11


@dataclass(frozen=True, kw_only=True)
class Capability:
    """An entry of the capability list, without its header of id and next."""

    id: int
    body: bytes
    # bits of `body` that can be written; missing bytes at the end are read-only
    writable: bytes = b""


def msi(vectors: int) -> Capability:
    """Return the MSI capability with 64-bit addresses; `vectors` is 1, 2, 4, ... 32."""
    if vectors not in (1, 2, 4, 8, 16, 32):
        raise UsageError(f"MSI cannot have {vectors} vectors", choices="1, 2, 4, 8, 16, 32")
    control = 0x80 | (vectors.bit_length() - 1) << 1
    return Capability(
        id=MSI,
        body=struct.pack("<HQHH", control, 0, 0, 0),
        writable=struct.pack("<HQHH", 0x71, 0xFFFF_FFFF_FFFF_FFFC, 0xFFFF, 0),
    )


def msix(vectors: int, *, bar: int, table: int, pending: int) -> Capability:
    """Return the MSI-X capability; its table and pending bits are at these offsets of a BAR."""
    if not 1 <= vectors <= 2048:
        raise UsageError(f"MSI-X cannot have {vectors} vectors", choices="1 to 2048")
    return Capability(
        id=MSIX,
        body=struct.pack("<HII", vectors - 1, table | bar, pending | bar),
        writable=struct.pack("<H", 0xC000),
    )


def express() -> Capability:
    """Return the capability of a PCI Express endpoint with a link of width 1 at 2.5 GT/s."""
    # version 2, endpoint; device, device control and status; link, link control and status; the rest zero
    words = struct.pack("<HIHHIHH", 0x0002, 0x8000, 0x2810, 0, 0x0411, 0, 0x0011)
    body = words + bytes(0x3A - len(words))
    return Capability(id=EXPRESS, body=body, writable=bytes(6) + struct.pack("<H", 0x7FFF))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The ids of a device."""

    vendor: int
    device: int
    subsystem_vendor: int = 0
    subsystem: int = 0
    # 24 bits: class, subclass, programming interface
    class_code: int = 0xFF0000
    revision: int = 0
    # 1 to 4 stand for INTA to INTD; 0: none
    interrupt_pin: int = 0


class ConfigSpace:
    """The bytes of a configuration space, and which of their bits can be written or cleared."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self._writable = bytearray(size)
        self._cleared = bytearray(size)
        self._initial = bytes(size)

    def place(self, offset: int, data: bytes, writable: bytes = b"", cleared: bytes = b"") -> None:
        """Place bytes, with masks of the bits that can be written, or cleared by writing ones."""
        self.data[offset : offset + len(data)] = data
        self._writable[offset : offset + len(writable)] = writable
        self._cleared[offset : offset + len(cleared)] = cleared
        self._initial = bytes(self.data)

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes. The caller has checked the range."""
        return bytes(self.data[offset : offset + count])

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes; only writable bits change."""
        for at, byte in enumerate(data, offset):
            mask = self._writable[at]
            self.data[at] = (self.data[at] & ~mask | byte & mask) & ~(byte & self._cleared[at])

    def reset(self) -> None:
        """Restore the bytes that were placed."""
        self.data[:] = self._initial

    @property
    def command(self) -> int:
        """The command register."""
        return int.from_bytes(self.data[COMMAND : COMMAND + 2], "little")

    def show_interrupt(self, asserted: bool) -> None:
        """Set the bit of the status register that shows whether the INTx line is asserted."""
        self.data[_STATUS] = self.data[_STATUS] & ~_STATUS_INTERRUPT | (_STATUS_INTERRUPT if asserted else 0)

    def find(self, capability: int) -> int | None:
        """Return the offset of the first capability with this id, None if there is none."""
        at = self.data[_CAPABILITY_LIST]
        while at:
            if self.data[at] == capability:
                return at
            at = self.data[at + 1]
        return None


def lay_out(
    identity: Identity, bars: Iterable[Bar], capabilities: Sequence[Capability], *, express: bool = False
) -> ConfigSpace:
    """Return the configuration space of a device. Raises UsageError if the capabilities do not fit."""
    space = ConfigSpace(EXPRESS_SIZE if express else SIZE)
    code = identity.class_code
    space.place(0, struct.pack("<HH", identity.vendor, identity.device))
    space.place(COMMAND, bytes(2), struct.pack("<H", _COMMAND_WRITABLE))
    space.place(_STATUS, bytes(2), cleared=struct.pack("<H", _STATUS_CLEARED))
    space.place(0x08, struct.pack("<BBH", identity.revision, code & 0xFF, code >> 8))
    # cache line size and latency timer can be written and have no effect
    space.place(0x0C, bytes(2), b"\xff\xff")
    space.place(0x2C, struct.pack("<HH", identity.subsystem_vendor, identity.subsystem))
    space.place(_INTERRUPT_LINE, bytes(1), b"\xff")
    space.place(_INTERRUPT_PIN, bytes([identity.interrupt_pin]))
    for bar in bars:
        _place_bar(space, bar)
    _place_capabilities(space, capabilities)
    return space


def _place_bar(space: ConfigSpace, bar: Bar) -> None:
    """Place a BAR; a guest finds its size from the bits that can be written (6.2.5.1)."""
    low = (
        _BAR_IO if bar.io else (_BAR_64 if bar.bits == 64 else 0) | (_BAR_PREFETCH if bar.prefetchable else 0)
    )
    width = bar.bits // 8
    mask = (1 << bar.bits) - bar.size
    space.place(_BARS + 4 * bar.index, low.to_bytes(width, "little"), mask.to_bytes(width, "little"))


def _place_capabilities(space: ConfigSpace, capabilities: Sequence[Capability]) -> None:
    if not capabilities:
        return
    space.place(_STATUS, struct.pack("<H", _STATUS_CAP_LIST), cleared=struct.pack("<H", _STATUS_CLEARED))
    link, at = _CAPABILITY_LIST, _FIRST_CAPABILITY
    for each in capabilities:
        if at + 2 + len(each.body) > SIZE:
            raise UsageError(
                f"the capability {each.id:#04x} does not fit", room=f"{SIZE - at} bytes are left"
            )
        space.place(link, bytes([at]))
        space.place(at, bytes([each.id, 0]) + each.body, bytes(2) + each.writable)
        # a capability begins at a multiple of four bytes (6.7)
        link, at = at + 1, (at + 2 + len(each.body) + 3) & ~3
