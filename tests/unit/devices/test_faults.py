"""How a device misbehaves, and which ways make a difference to a driver."""

from __future__ import annotations

import pytest

from rustbed import Bar, Fault, FaultKind, PciDevice, every_fault
from rustbed.devices.trace import Dma, Event, Interrupt, Read, Write


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
    device.connect(None)
    first = device.read(0, 0, 1)
    device.write(0, 0, b"\x5a")
    return [data[0] for data in (first, device.read(0, 0, 1), device.read(0, 1, 1), device.read(0, 1, 1))]


@pytest.mark.parametrize(
    ("kind", "at", "seen"),
    [
        (FaultKind.GONE, 1, [0xFF, 0xFF, 0xFF, 0xFF]),
        (FaultKind.GONE, 3, [0x0F, 0xFF, 0xFF, 0xFF]),
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
    device.connect(None)
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
        device.connect(None)
        assert device.read(0, 0, 1) == b"\xff"


def test_reset_may_change_nothing() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.NO_RESET)
    device.connect(None)
    device.write(0, 0, b"\1")
    device.reset()
    assert device.value == 1


def test_every_access_fails_in_each_way_that_differs() -> None:
    events: list[Event] = [
        Read(7, 0, 4, 1),
        Write(0, 0, 1, 3),
        Read(0, 0, 1, 0),
        Read(0, 0, 1, 0xFF),
        Read(0, 0, 1, 5),
    ]
    assert [str(fault) for fault in every_fault(events)] == [
        "gone at access 1",
        "lost-write at access 1",
        "gone at access 2",
        "ones at access 2",
        "stuck at access 2",
        "gone at access 3",
        "zero at access 3",
        "stuck at access 3",
        "gone at access 4",
        "ones at access 4",
        "zero at access 4",
        "inverted at access 4",
        "stuck at access 4",
        "no-reset",
    ]


def test_polling_is_failed_once() -> None:
    polled = [Read(0, 0, 1, 0)] * 100 + [Read(0, 0, 1, 1)]
    assert sorted({fault.at for fault in every_fault(polled)}) == [1, 101]


def test_interrupts_and_memory_fail_if_there_were_any() -> None:
    kinds = [fault.kind for fault in every_fault([Interrupt(0), Dma("write", 0, 4)])]
    assert kinds == [
        FaultKind.NO_INTERRUPT,
        FaultKind.STORM,
        FaultKind.LATE_INTERRUPT,
        FaultKind.NO_DMA,
        FaultKind.NO_RESET,
    ]
