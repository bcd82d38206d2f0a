"""A GPIO controller and a scripted QEMU: requests, interrupts as answers, and what makes no sense."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.edge.devices.vhost_peer import Qemu, Ring, started
from tests.processes import wait_until

from rustbed import (
    Direction,
    Fault,
    FaultKind,
    GpioChip,
    GpioInterrupt,
    GpioLine,
    GpioRead,
    GpioSetup,
    GpioWrite,
    Trigger,
)
from rustbed.devices.gpio.requests import ERROR, INVALID, OK, VALID, Kind
from rustbed.devices.gpio.served import serve
from rustbed.devices.layouts import pack
from rustbed.devices.vhost.messages import ConfigRange, Request
from rustbed.errors import DeviceError, UsageError


class Board(GpioChip):
    power = GpioLine(0)
    ready = GpioLine(1)
    button = GpioLine(3, level=1)

    def on_write_power(self, level: int) -> None:
        self.ready = level

    def on_read_button(self) -> int:
        return 1


@contextmanager
def machine(board: GpioChip, directory: Path | None = None) -> Iterator[Qemu]:
    with started(serve(board, directory), queues=2) as qemu:
        yield qemu


def ask(qemu: Qemu, kind: int, line: int, value: int = 0) -> tuple[int, int]:
    """Make a request; return its status and its value."""
    status, answer = qemu.queues[0].ask(struct.pack("=HHI", kind, line, value), 2)
    return status, answer


def await_line(qemu: Qemu, line: int, slot: int = 0) -> None:
    """Let the driver be ready for a line's interrupt."""
    qemu.queues[1].submit(struct.pack("=H", line), 1, slot=slot)


def interrupted(qemu: Qemu, slot: int = 0) -> int:
    """Wait until all awaited interrupts have come, and return the state of the last."""
    qemu.queues[1].wait()
    return qemu.queues[1].answer_at(slot, 1)[0]


def test_lines_have_names_directions_and_levels(tmp_path: Path) -> None:
    board = Board()
    with machine(board, tmp_path) as qemu:
        assert struct.unpack("=HHI", qemu.config(8)) == (4, 0, 20)
        names = qemu.queues[0].ask(struct.pack("=HHI", Kind.GET_NAMES, 0, 0), 21)
        assert names == b"\0power\0ready\0\0button\0"
        assert ask(qemu, Kind.GET_DIRECTION, 0) == (OK, Direction.NONE)
        assert ask(qemu, Kind.SET_VALUE, 0, 1) == (OK, 0)
        assert ask(qemu, Kind.SET_DIRECTION, 0, Direction.OUT) == (OK, 0)
        assert ask(qemu, Kind.GET_DIRECTION, 0) == (OK, Direction.OUT)
        # what the board made of it
        assert ask(qemu, Kind.GET_VALUE, 1) == (OK, 1)
        assert ask(qemu, Kind.GET_VALUE, 2) == (OK, 0)
        board.button = 0
        assert ask(qemu, Kind.GET_VALUE, 3) == (OK, 1)
        assert (board.power, board.ready, board.button) == (1, 1, 0)
        assert board.trace == [
            *(GpioWrite("power", 1), GpioSetup("power", Direction.OUT)),
            *(GpioRead("ready", 1), GpioRead("2", 0), GpioRead("button", 1)),
        ]
    assert len((tmp_path / "Board.trace").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("trigger", "level", "happens"),
    [
        (Trigger.RISING, 1, True),
        (Trigger.FALLING, 1, False),
        (Trigger.BOTH, 1, True),
        (Trigger.HIGH, 1, True),
        (Trigger.LOW, 1, False),
    ],
)
def test_line_interrupts_as_the_driver_chose(trigger: Trigger, level: int, happens: bool) -> None:
    board = Board()
    with machine(board) as qemu:
        if trigger is Trigger.LOW:
            board.ready = 1
        assert ask(qemu, Kind.SET_TRIGGER, 1, trigger) == (OK, 0)
        await_line(qemu, 1)
        board.ready = level
        told = [event for event in board.trace if isinstance(event, GpioInterrupt)]
        assert told == [GpioInterrupt("ready")] * happens
        assert qemu.queues[1].done == happens
        if happens:
            assert interrupted(qemu) == VALID
            assert os.eventfd_read(qemu.queues[1].call) == 1


def test_edge_before_the_driver_is_ready_is_not_lost_but_a_level_may_be() -> None:
    board = Board()
    with machine(board) as qemu:
        ask(qemu, Kind.SET_TRIGGER, 1, Trigger.RISING)
        ask(qemu, Kind.SET_TRIGGER, 3, Trigger.LOW)
        for line in ("ready", "button"):
            level = getattr(board, line)
            setattr(board, line, 1 - level)
            setattr(board, line, level)
        await_line(qemu, 1)
        await_line(qemu, 3, slot=1)
        wait_until(lambda: qemu.queues[1].done == 1, "the interrupt")
        assert board.trace[-1] == GpioInterrupt("ready")
        board.button = 0
        assert interrupted(qemu, slot=1) == VALID
        # it stays low: the next one comes at once
        await_line(qemu, 3)
        assert interrupted(qemu) == VALID


def test_driver_that_wants_no_interrupt_any_more_gets_its_request_back() -> None:
    board = Board()
    with machine(board) as qemu:
        ask(qemu, Kind.SET_TRIGGER, 1, Trigger.BOTH)
        await_line(qemu, 1)
        ask(qemu, Kind.SET_TRIGGER, 1, Trigger.NONE)
        assert interrupted(qemu) == INVALID
        board.ready = 1
        assert not any(isinstance(event, GpioInterrupt) for event in board.trace)


def test_queue_that_is_stopped_forgets_who_waited() -> None:
    board = Board()
    with machine(board) as qemu:
        events: Ring = qemu.queues[1]
        ask(qemu, Kind.SET_TRIGGER, 1, Trigger.RISING)
        await_line(qemu, 1)
        assert board.trace
        assert events.stop() == 1
        board.ready = 1
        assert not any(isinstance(event, GpioInterrupt) for event in board.trace)
        assert qemu.queues[0].stop() == 1
        assert board.triggers[1] is Trigger.NONE
        for queue in qemu.queues:
            queue.start()
        assert ask(qemu, Kind.GET_VALUE, 1) == (OK, 1)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (FaultKind.INVERTED, [(OK, 0), (OK, 0), (OK, 1)]),
        (FaultKind.REFUSED, [(ERROR, 0), (OK, 0), (OK, 1)]),
        (FaultKind.GONE, [(ERROR, 0), (ERROR, 0), (ERROR, 0)]),
    ],
)
def test_controller_fails(kind: FaultKind, answers: list[tuple[int, int]]) -> None:
    board = Board()
    with machine(board) as qemu:
        board.fault = Fault(kind=kind)
        seen = [
            ask(qemu, Kind.GET_VALUE, 3),
            ask(qemu, Kind.SET_TRIGGER, 1, Trigger.HIGH),
            ask(qemu, Kind.GET_VALUE, 3),
        ]
        assert seen == answers
        assert board.fault_happened


def test_code_of_a_line_is_not_called_for_a_request_that_is_refused() -> None:
    board = Raising()
    with machine(board) as qemu:
        board.fault = Fault(kind=FaultKind.REFUSED)
        assert ask(qemu, Kind.GET_VALUE, 0) == (ERROR, 0)
        assert board.trace == [GpioRead("line", 0, refused=True)]


def test_write_is_lost_and_the_walk_knows_the_possible_faults() -> None:
    board = Board()
    with machine(board) as qemu:
        board.fault = Fault(kind=FaultKind.LOST_WRITE)
        assert ask(qemu, Kind.SET_VALUE, 0, 1) == (OK, 0)
        assert (board.power, board.ready) == (0, 0)
        ask(qemu, Kind.GET_VALUE, 3)
        plan = board.plan()
    assert plan.accesses == 2
    both = {FaultKind.GONE, FaultKind.REFUSED, FaultKind.LATE}
    assert {(fault.at, fault.kind) for fault in plan.faults} == {
        *((1, kind) for kind in both | {FaultKind.LOST_WRITE}),
        *((2, kind) for kind in both | {FaultKind.INVERTED}),
    }


class Raising(GpioChip):
    line = GpioLine(0)

    def on_read_line(self) -> int:
        raise KeyError("boom")


def request(kind: int, line: int = 0, value: int = 0) -> Callable[[Qemu], object]:
    return lambda qemu: qemu.queues[0].submit(struct.pack("=HHI", kind, line, value), 2)


def drive(say: Callable[[Qemu], object]) -> None:
    board = Raising()
    with machine(board) as qemu:
        say(qemu)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            assert isinstance(board.trace, list)


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (request(Kind.GET_VALUE), "Raising raised in a read: KeyError: 'boom'"),
        (request(Kind.GET_VALUE, 1), "line 1 of a controller that has 1"),
        (request(99), "request 99 of a GPIO controller"),
        (request(Kind.SET_DIRECTION, 0, 3), "3 is not a valid Direction"),
        (request(Kind.SET_TRIGGER, 0, 5), "5 is not a valid Trigger"),
        (lambda qemu: await_line(qemu, 7), "line 7 of a controller"),
        (lambda qemu: qemu.say(Request.GET_CONFIG, bytes(11)), "ConfigRange has 11 bytes"),
        (lambda qemu: qemu.say(Request.GET_CONFIG, pack(ConfigRange(0, 64, 0)) + bytes(64)), "size=64"),
    ],
)
def test_what_fails_is_an_error_whoever_looks(say: Callable[[Qemu], object], said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        drive(say)
    assert said in caught.value.headline


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Odd: no line"),
        ({"a": GpioLine(1), "b": GpioLine(1)}, "Odd: two lines have one number"),
        ({"a": GpioLine(-1)}, "Odd.a: numbers are 0 to 1023"),
        ({"a": GpioLine(0, level=2)}, "levels 0 and 1"),
        ({"a": GpioLine(0), "on_write_b": lambda self, level: None}, "Odd.on_write_b: there is no line 'b'"),
    ],
)
def test_impossible_controller_is_refused(body: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        type("Odd", (GpioChip,), body)


def test_impossible_level_is_refused() -> None:
    with pytest.raises(UsageError, match="power is set to 2"):
        Board().power = 2
