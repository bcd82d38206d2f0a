"""How a device misbehaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rustbed import Bar, Fault, FaultKind, PciDevice
from rustbed.devices.line import Unplugged


class Echo(PciDevice):
    vendor_id, device_id = 1, 2
    regs = Bar(0, size=16)
    value = regs.register(0, width=1, reset=0x0F)
    ticks = regs.register(1, width=1)

    def on_read_ticks(self) -> int:
        self.ticks += 1
        return self.ticks


def run(fault: Fault | None) -> list[int]:
    """Return what a driver reads that reads, writes, reads, and polls."""
    device = Echo()
    device.fault = fault
    device.connect(Unplugged())
    first = device.read(0, 0, 1)
    device.write(0, 0, b"\x5a")
    return [data[0] for data in (first, device.read(0, 0, 1), device.read(0, 1, 1), device.read(0, 1, 1))]


@pytest.mark.parametrize(
    ("kind", "at", "seen"),
    [
        (FaultKind.GONE, 1, [0xFF, 0xFF, 0xFF, 0xFF]),
        (FaultKind.GONE, 3, [0x0F, 0xFF, 0xFF, 0xFF]),
        (FaultKind.PULLED, 3, [0x0F, 0xFF, 0xFF, 0xFF]),
        (FaultKind.ONES, 1, [0xFF, 0x5A, 1, 2]),
        (FaultKind.ZERO, 3, [0x0F, 0x00, 1, 2]),
        (FaultKind.INVERTED, 3, [0x0F, 0xA5, 1, 2]),
        (FaultKind.STUCK, 4, [0x0F, 0x5A, 1, 1]),
        (FaultKind.LOST_WRITE, 2, [0x0F, 0x0F, 1, 2]),
        (FaultKind.ONES, 9, [0x0F, 0x5A, 1, 2]),
    ],
)
def test_fault_happens_at_its_access(kind: FaultKind, at: int, seen: list[int]) -> None:
    assert run(Fault(kind=kind, at=at)) == seen


def test_device_without_a_fault_is_as_written() -> None:
    assert run(None) == [0x0F, 0x5A, 1, 2]


def test_device_tells_whether_its_fault_happened() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.GONE, at=2)
    device.connect(Unplugged())
    before = device.fault_happened
    device.read(0, 0, 1)
    device.read(7, 0, 4)
    after_one = device.fault_happened
    device.read(0, 0, 1)
    assert (before, after_one, device.fault_happened, device.read(7, 0, 2)) == (
        False,
        False,
        True,
        b"\xff\xff",
    )


def test_fault_counts_again_for_the_next_machine() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.ONES, at=1)
    for _ in range(2):
        device.connect(Unplugged())
        assert device.read(0, 0, 1) == b"\xff"


def test_reset_may_change_nothing() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.NO_RESET)
    device.connect(Unplugged())
    device.write(0, 0, b"\1")
    device.reset()
    assert device.value == 1


def test_device_may_have_another_id_and_the_smallest_bars() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.WRONG_ID)
    device.connect(Unplugged())
    assert (device.read(7, 0, 4), device.fault_happened) == (b"\x01\x00\xfd\xff", True)
    wide = Wide()
    wide.fault = Fault(kind=FaultKind.SMALL_BAR)
    wide.connect(Unplugged())
    assert [wide.size_of(region) for region in (0, 1, 5, 7)] == [16, 4, 4096, 256]


class Wide(PciDevice):
    vendor_id, device_id = 1, 2
    memory, ports = Bar(0, size=4096), Bar(1, size=64, io=True)
    msix = 1


def test_storm_is_many_interrupts_one_after_the_other() -> None:
    device, guest = Echo(), Guest()
    device.fault = Fault(kind=FaultKind.STORM)
    device.connect(guest)
    device.raise_irq()
    assert (guest.raised, len(guest.later), len(set(guest.later))) == (1, 99, 99)


class Guest:
    """Counts what a device does to it."""

    def __init__(self) -> None:
        self.raised, self.later = 0, list[float]()

    def read_memory(self, address: int, count: int) -> bytes:
        raise AssertionError((address, count))

    def write_memory(self, address: int, data: bytes) -> None:
        raise AssertionError((address, data))

    def raise_irq(self, _: int) -> bool:
        self.raised += 1
        return True

    def lower_irq(self) -> None:
        pass

    def after(self, seconds: float, _: Callable[[], object]) -> None:
        self.later.append(seconds)

    def settle(self) -> None:
        pass


def test_fault_is_remembered_when_the_machine_is_gone() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.ONES, at=1)
    device.connect(Unplugged())
    device.read(0, 0, 1)
    device.disconnect()
    assert device.fault_happened
