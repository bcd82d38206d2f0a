"""A configuration space as a guest's PCI core walks it."""

from __future__ import annotations

import pytest

from rustbed import UsageError
from rustbed.devices import config_space
from rustbed.devices.config_space import Capability, ConfigSpace, Identity, lay_out
from rustbed.devices.registers import Bar

IDENTITY = Identity(
    vendor=0x1234, device=0xCAFE, subsystem_vendor=0x1111, subsystem=0x2222, class_code=0x020304, revision=5
)


def number(space: ConfigSpace, offset: int, width: int) -> int:
    return int.from_bytes(space.read(offset, width), "little")


def size_bar(space: ConfigSpace, index: int) -> int:
    """Size a BAR as a guest does: write all-ones, read, restore."""
    offset = 0x10 + 4 * index
    before = space.read(offset, 4)
    space.write(offset, b"\xff" * 4)
    found = number(space, offset, 4)
    space.write(offset, before)
    return found


def test_ids_lie_where_the_specification_puts_them() -> None:
    space = lay_out(IDENTITY, (), ())
    fields = [(0, 2), (2, 2), (0x08, 1), (0x09, 1), (0x0A, 2), (0x2C, 2), (0x2E, 2)]
    assert [number(space, *field) for field in fields] == [0x1234, 0xCAFE, 5, 4, 0x0203, 0x1111, 0x2222]


@pytest.mark.parametrize(
    ("bar", "sized"),
    [
        (Bar(0, size=4096), 0xFFFFF000),
        (Bar(1, size=16), 0xFFFFFFF0),
        (Bar(2, size=1 << 20, prefetchable=True), 0xFFF00008),
        (Bar(3, size=256, io=True), 0xFFFFFF01),
        (Bar(4, size=4096, bits=64, prefetchable=True), 0xFFFFF00C),
    ],
)
def test_bar_is_sized_by_writing_ones(bar: Bar, sized: int) -> None:
    assert size_bar(lay_out(IDENTITY, [bar], ()), bar.index) == sized


def test_bar_of_64_bits_is_sized_in_both_halves() -> None:
    space = lay_out(IDENTITY, [Bar(0, size=1 << 33, bits=64)], ())
    assert (size_bar(space, 0), size_bar(space, 1)) == (0x4, 0xFFFFFFFE)


def test_bar_that_is_not_there_reads_zero() -> None:
    assert size_bar(lay_out(IDENTITY, [Bar(0, size=4096)], ()), 1) == 0


def test_ids_cannot_be_written() -> None:
    space = lay_out(IDENTITY, (), ())
    before = space.read(0, 4)
    space.write(0, bytes(4))
    assert space.read(0, 4) == before


def test_command_takes_only_the_bits_it_has() -> None:
    space = lay_out(IDENTITY, (), ())
    space.write(config_space.COMMAND, b"\xff\xff")
    assert space.command == 0x0547
    space.reset()
    assert space.command == 0


def test_status_is_cleared_by_writing_ones() -> None:
    space = lay_out(IDENTITY, (), ())
    space.data[7] = 0xF9
    space.write(6, b"\x00\x80")
    assert space.read(7, 1) == b"\x79"


def test_capabilities_are_found_in_order_and_aligned() -> None:
    vendor = Capability(id=config_space.VENDOR, body=b"\x05abc")
    space = lay_out(IDENTITY, (), [config_space.express(), config_space.msi(4), vendor])
    found = [space.find(each) for each in (config_space.EXPRESS, config_space.MSI, config_space.VENDOR)]
    assert found == [0x40, 0x7C, 0x8C]
    assert space.find(config_space.MSIX) is None
    assert number(space, 6, 2) & 0x10


def test_no_capabilities_are_announced_if_there_are_none() -> None:
    space = lay_out(IDENTITY, (), ())
    assert (number(space, 6, 2), space.find(config_space.MSI)) == (0, None)


def test_msi_offers_its_vectors_and_takes_an_address() -> None:
    space = lay_out(IDENTITY, (), [config_space.msi(8)])
    space.write(0x44, (0xFEE0_0000).to_bytes(8, "little"))
    space.write(0x42, b"\xff\xff")
    # 64-bit capable, 8 vectors offered; enabled, and as many asked for as there is room for
    assert (number(space, 0x42, 2), number(space, 0x44, 8)) == (0xF7, 0xFEE0_0000)


def test_msix_says_where_its_table_is() -> None:
    space = lay_out(IDENTITY, (), [config_space.msix(4, bar=5, table=0, pending=0x800)])
    assert [number(space, 0x42, 2), number(space, 0x44, 4), number(space, 0x48, 4)] == [3, 5, 0x805]


@pytest.mark.parametrize("vectors", [0, 3, 64])
def test_msi_with_an_impossible_number_of_vectors_is_refused(vectors: int) -> None:
    with pytest.raises(UsageError, match=f"MSI cannot have {vectors} vectors"):
        config_space.msi(vectors)


def test_capabilities_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="the capability 0x09 does not fit"):
        lay_out(IDENTITY, (), [Capability(id=9, body=bytes(200))])


def test_express_device_has_the_extended_space() -> None:
    assert len(lay_out(IDENTITY, (), [config_space.express()], express=True).data) == 4096
