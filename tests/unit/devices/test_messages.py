"""Layouts of vfio-user's messages, against the offsets and sizes of its specification."""

from __future__ import annotations

import pytest

from rustbed.devices import messages
from rustbed.devices.layouts import layout, pack, unpack, unpack_exactly
from rustbed.devices.messages import Access, DmaMap, Header, IrqSet, RegionInfo

# bytes, as docs/interop/vfio-user.rst gives them
SIZES = {
    messages.Header: 16,
    messages.Version: 4,
    messages.DmaMap: 32,
    messages.DmaUnmap: 24,
    messages.Info: 16,
    messages.RegionInfo: 32,
    messages.IrqInfo: 16,
    messages.IrqSet: 20,
    messages.Access: 16,
    messages.WriteCount: 8,
    messages.OneWrite: 16,
    messages.Dma: 16,
}


@pytest.mark.parametrize("kind", SIZES)
def test_message_has_the_size_of_the_specification(kind: type) -> None:
    assert layout(kind).size == SIZES[kind]


def test_fields_lie_where_the_specification_puts_them() -> None:
    data = pack(RegionInfo(argsz=32, flags=3, number=7, cap_offset=0, size=256, offset=1 << 40))
    found = [data[0], data[4], data[8], data[12], data[16:24], data[24:32]]
    assert found == [32, 3, 7, 0, (256).to_bytes(8, "little"), (1 << 40).to_bytes(8, "little")]


def test_what_is_packed_is_unpacked() -> None:
    message = DmaMap(argsz=32, flags=3, offset=0, address=0x1000, size=0x2000)
    assert unpack(DmaMap, pack(message) + b"rest") == (message, b"rest")


@pytest.mark.parametrize("length", [0, 15])
def test_short_message_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"Access has {length} bytes instead of 16"):
        unpack(Access, bytes(length))


def test_bytes_behind_a_message_are_refused_where_none_belong() -> None:
    with pytest.raises(ValueError, match="3 bytes follow IrqSet"):
        unpack_exactly(IrqSet, bytes(23))


def test_header_counts_itself() -> None:
    assert pack(Header(1, 9, 16, 0, 0)).hex() == "01000900100000000000000000000000"
