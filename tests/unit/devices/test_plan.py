"""Which faults make a difference to what a driver did."""

from __future__ import annotations

import pytest

from rustbed import FaultKind, every_fault
from rustbed.devices.plan import plan_faults
from rustbed.devices.trace import Dma, Event, Interrupt, Read, Reset, Write

ALWAYS = ["wrong-id", "small-bar"]


def names(*events: Event) -> list[str]:
    return [fault.name for fault in every_fault(events)]


def at_access(*events: Event) -> dict[int, list[str]]:
    """Return the kinds of the faults by the access that they happen at."""
    found: dict[int, list[str]] = {}
    for fault in every_fault(events):
        if "@" in fault.name:
            found.setdefault(fault.at, []).append(str(fault.kind))
    return found


def test_every_access_fails_in_each_way_that_differs() -> None:
    found = names(
        Read(7, 0, 4, 1), Write(0, 0, 1, 3), Read(0, 0, 1, 0), Read(0, 0, 1, 0xFF), Read(0, 0, 1, 5)
    )
    assert found == [
        "lost-write@1",
        *("gone@2", "ones@2", "stuck@2"),
        *("gone@3", "zero@3", "stuck@3"),
        *("gone@4", "ones@4", "zero@4", "inverted@4"),
        *ALWAYS,
    ]


def test_device_that_goes_with_a_write_is_told_from_one_that_goes_after_it_by_an_interrupt() -> None:
    assert at_access(Write(0, 0, 4, 1), Interrupt(0), Write(0, 0, 4, 2), Write(0, 4, 4, 2)) == {
        1: ["gone", "lost-write"],
        2: ["lost-write"],
        3: ["gone", "lost-write"],
    }


def test_register_sticks_only_if_it_would_have_changed() -> None:
    assert "stuck" in at_access(Read(0, 0, 4, 1), Read(0, 4, 4, 1), Read(0, 0, 4, 2))[1]
    assert "stuck" not in at_access(Read(0, 0, 4, 1), Read(0, 0, 2, 2), Read(0, 4, 4, 2))[1]


@pytest.mark.parametrize("loop", [1, 2, 3, 4])
def test_polling_fails_in_its_first_rounds_only(loop: int) -> None:
    polled = [Read(0, 4 * at, 4, 7) for at in range(loop)] * 50
    end = Read(0, 0x100, 4, 1)
    plan = plan_faults([*polled, end])
    assert sorted({fault.at for fault in plan.faults if "@" in fault.name})[-1] == 50 * loop + 1
    assert len({fault.at for fault in plan.faults if "@" in fault.name}) <= 2 * loop + 1
    assert (plan.accesses, plan.repeated >= 48 * loop) == (50 * loop + 1, True)


def test_same_access_after_another_sequence_fails_again() -> None:
    assert sorted(at_access(Read(0, 0, 4, 7), Read(0, 4, 4, 7), Write(0, 8, 4, 1), Read(0, 0, 4, 7))) == [
        *(1, 2, 3, 4)
    ]


def test_interrupts_memory_and_resets_fail_if_there_were_any() -> None:
    assert names(Interrupt(0), Dma("write", 0, 4)) == [
        FaultKind.NO_INTERRUPT,
        FaultKind.STORM,
        FaultKind.LATE_INTERRUPT,
        FaultKind.NO_DMA,
    ]
    # QEMU resets each device before the guest finds it
    assert FaultKind.NO_RESET not in names(Reset(), Read(0, 0, 4, 1), Reset())
    assert FaultKind.NO_RESET in names(Read(0, 0, 4, 1), Reset(), Write(0, 0, 4, 1))


def test_device_that_was_not_touched_has_no_faults() -> None:
    assert names(Read(7, 0, 4, 1)) == []


def test_device_in_a_slot_is_pulled_out_at_the_first_access_the_middle_one_and_the_last() -> None:
    def pulls(*events: Event, removable: bool = True) -> list[int]:
        faults = plan_faults(events, removable=removable).faults
        return [fault.at for fault in faults if fault.kind is FaultKind.PULLED]

    reads = [Read(0, 4 * at, 4, 7) for at in range(9)]
    assert pulls(*reads) == [1, 5, 9]
    assert pulls(*reads[:2]) == [1, 2]
    assert pulls(reads[0]) == [1]
    assert pulls() == []
    assert pulls(*reads, removable=False) == []
