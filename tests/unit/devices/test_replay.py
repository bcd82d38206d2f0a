"""A recording as a device: what it gives a driver that does the same, nearly the same, or something else."""

from __future__ import annotations

import pytest

from rustbed import UsageError
from rustbed.devices.recording import Recording, Shape, parse_recording, render_recording
from rustbed.devices.replay import Replay, record, replay
from rustbed.devices.trace import Event, Interrupt, Read, Write

POLLED: tuple[Event, ...] = (
    Write(0, 0, 4, 1),
    Read(0, 4, 4, 0),
    Read(0, 4, 4, 0),
    Read(0, 4, 4, 1),
    Read(0, 8, 4, 0xCAFE),
)


def recorded(*events: Event, msi: int = 0, msix: int = 0) -> Recording:
    bars = (Shape(index=0, size=4096),)
    return Recording(vendor_id=0x1B36, device_id=5, bars=bars, events=events, msi=msi, msix=msix)


def read(device: Replay, offset: int, width: int = 4) -> int:
    return int.from_bytes(device.read(0, offset, width), "little")


def test_driver_that_does_the_same_gets_the_same() -> None:
    device = replay(recorded(*POLLED))
    device.write(0, 0, b"\1\0\0\0")
    assert [read(device, offset) for offset in (4, 4, 4, 8)] == [0, 0, 1, 0xCAFE]
    assert (device.is_complete, device.divergence) == (True, None)
    assert device.trace == list(POLLED)


def test_driver_may_poll_more_often_at_the_end() -> None:
    device = replay(recorded(*POLLED))
    device.write(0, 0, b"\1\0\0\0")
    assert [read(device, offset) for offset in (4, 4, 4, 4, 4, 8)] == [0, 0, 1, 1, 1, 0xCAFE]
    assert device.is_complete


def test_driver_may_poll_less_often() -> None:
    device = replay(recorded(Read(0, 4, 4, 0), Read(0, 4, 4, 0), Read(0, 4, 4, 0), Read(0, 8, 4, 7)))
    assert [read(device, offset) for offset in (4, 8)] == [0, 7]
    assert device.is_complete


def test_other_value_is_a_divergence() -> None:
    device = replay(recorded(*POLLED))
    device.write(0, 0, b"\2\0\0\0")
    done, wanted = (f"write bar0+0x0 width 4 value {value}" for value in ("0x2", "0x1"))
    said = f"{done}, where the recording has: {wanted} (event 1)"
    assert (device.divergence, device.is_complete) == (said, False)


def test_first_divergence_stands_and_registers_read_as_they_did() -> None:
    device = replay(recorded(Read(0, 4, 4, 7), Read(0, 8, 4, 1)))
    assert [read(device, offset) for offset in (4, 12, 4, 8)] == [7, 0, 7, 0]
    assert (
        device.divergence
        == "read bar0+0xc width 4, where the recording has: read bar0+0x8 width 4 value 0x1 (event 2)"
    )


def test_access_after_the_end_is_a_divergence() -> None:
    device = replay(recorded(Read(0, 4, 4, 7)))
    assert (read(device, 4), device.is_complete) == (7, True)
    device.write(0, 0, b"\0")
    assert (
        device.divergence
        == "write bar0+0x0 width 1 value 0x0, where the recording has: nothing more (event 2)"
    )


def test_reset_changes_nothing_as_those_of_qemu_are_not_the_drivers() -> None:
    device = replay(recorded(Read(0, 4, 4, 7), Read(0, 4, 4, 8)))
    device.reset()
    before = read(device, 4)
    device.reset()
    assert (before, read(device, 4), device.is_complete) == (7, 8, True)


def test_driver_that_stops_early_has_not_done_all() -> None:
    device = replay(recorded(*POLLED))
    device.write(0, 0, b"\1\0\0\0")
    assert (device.divergence, device.is_complete) == (None, False)


def test_replayed_device_can_be_recorded_again() -> None:
    first = recorded(*POLLED, msi=2)
    device = replay(first)
    device.write(0, 0, b"\1\0\0\0")
    for offset in (4, 4, 4, 8):
        read(device, offset)
    assert parse_recording(render_recording(record(device, device.trace))) == first


def test_recording_that_pci_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match="the recording has no BARs"):
        replay(Recording(vendor_id=1, device_id=2, bars=(), events=()))


def test_interrupts_come_where_they_came() -> None:
    class Line:
        def __init__(self) -> None:
            self.raised: list[int] = []

        def __getattr__(self, name: str) -> object:
            return lambda *_: None

        def after(self, _: float, call: object) -> None:
            assert callable(call)
            call()

        def raise_irq(self, vector: int) -> bool:
            self.raised.append(vector)
            return True

    device, line = replay(recorded(Write(0, 0, 4, 1), Interrupt(3), Read(0, 4, 4, 0), msix=4)), Line()
    device.connect(line)  # type: ignore[arg-type]
    before = list(line.raised)
    device.write(0, 0, b"\1\0\0\0")
    assert (before, line.raised) == ([], [3])
