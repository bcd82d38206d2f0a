"""QEMU's pci-testdev, which three of the kernel's Rust samples drive.

Source: hw/misc/pci-testdev.c and docs/specs/pci-testdev.rst in QEMU's sources.
"""

from __future__ import annotations

import struct

from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar

# bytes of half a BAR: the first half has the header of a test, the second half takes the writes
_MEMORY, _PORTS = 2048, 128
_KINDS = ("mmio", "portio")
_TESTS = ("no-eventfd", "wildcard-eventfd", "datamatch-eventfd")
_MATCH, _NO_MATCH = 0xFA, 0xCE
# offset of the number of matching writes in a header
_COUNT = 12


class PciTestdev(PciDevice):
    """Counts matching writes, for one of three tests that a write to offset 0 selects."""

    vendor_id, device_id = 0x1B36, 0x0005
    # the ids of QEMU's own devices
    subsystem_vendor_id, subsystem_id = 0x1AF4, 0x1100
    class_code = 0x00FF00
    memory = Bar(0, size=2 * _MEMORY)
    ports = Bar(1, size=2 * _PORTS, io=True)

    def __init__(self) -> None:
        self._headers = [_header(bar, test) for bar in range(2) for test in range(3)]
        # the number of the test under way
        self._current: int | None = None

    def on_reset(self) -> None:
        """Select no test."""
        self._current = None

    def on_read(self, bar: int, offset: int, width: int) -> int:
        """Return the header of the test, byte by byte, because the device has no wider accesses."""
        return sum(
            self._read_byte(at) << (8 * place) for place, at in enumerate(range(offset, offset + width))
        )

    def _read_byte(self, offset: int) -> int:
        header = b"" if self._current is None else self._headers[self._current]
        return header[offset] if offset + 1 < len(header) else 0

    def on_write(self, bar: int, offset: int, width: int, value: int) -> None:
        """Select a test, or count a write that matches, byte by byte.

        In QEMU an eventfd consumes a matching write of one byte, but no wider one, before the device sees it.
        """
        if (
            width == 1
            and self._current is not None
            and self._current % len(_TESTS)
            and self._matches(offset, value)
        ):
            return
        for place in range(width):
            self._write_byte(bar, offset + place, value >> (8 * place) & 0xFF)

    def _matches(self, offset: int, value: int) -> bool:
        if self._current is None:
            return False
        wanted, data, _ = struct.unpack_from("<III", self._headers[self._current], 4)
        return bool(offset == wanted and data in (_NO_MATCH, value))

    def _write_byte(self, bar: int, offset: int, value: int) -> None:
        if offset == 0:
            self._current = None if value >= len(_TESTS) else bar * len(_TESTS) + value
            if self._current is not None:
                self._headers[self._current][_COUNT : _COUNT + 4] = bytes(4)
        elif self._current is not None and self._matches(offset, value):
            header = self._headers[self._current]
            (count,) = struct.unpack_from("<I", header, _COUNT)
            struct.pack_into("<I", header, _COUNT, count + 1)


def _header(bar: int, test: int) -> bytearray:
    """Return struct PCITestDevHdr of a test."""
    name = f"{_KINDS[bar]}-{_TESTS[test]}".encode() + b"\0"
    number = bar * len(_TESTS) + test
    data = _NO_MATCH if _TESTS[test].startswith("wildcard") else _MATCH
    offset = (_MEMORY, _PORTS)[bar] + number
    return bytearray(struct.pack("<BBHIII", number, 1, 0, offset, data, 0) + name)
