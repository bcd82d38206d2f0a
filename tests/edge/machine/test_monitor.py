"""QMP commands and events, against a stand-in that speaks it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import time
import warnings

import pytest
from tests.edge.machine.conftest import Booter

from rustbed.errors import MonitorError
from rustbed.machine.monitor import Monitor


def test_command_returns_what_qemu_returned(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        assert vm.monitor.execute("query-anything") == {}


def test_refused_command_raises_with_qemus_words(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm, pytest.raises(MonitorError, match="QMP refuse: no such thing"):
        vm.monitor.execute("refuse")


def test_events_gather_and_can_be_waited_for(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        vm.monitor.execute("happen")
        assert vm.monitor.wait_event("HAPPENED", timeout_s=60)["data"] == {}
        assert [event["event"] for event in vm.monitor.events] == ["HAPPENED"]
        with pytest.raises(MonitorError, match="no HAPPENED event"):
            vm.monitor.wait_event("HAPPENED", timeout_s=0.1, since=1)


def test_qemu_that_does_not_answer_runs_into_the_timeout(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm, pytest.raises(MonitorError, match="did not answer"):
        vm.monitor.execute("stall", timeout_s=0.3)


def test_commands_begun_are_executed_in_order_and_answered_when_that_is_wanted(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        since = len(vm.monitor.events)
        first, second = vm.monitor.begin("happen"), vm.monitor.begin("refuse")
        vm.monitor.wait_event("HAPPENED", timeout_s=60, since=since)
        with pytest.raises(MonitorError, match="QMP refuse: no such thing"):
            second(60)
        assert first(60) == {}


def test_command_to_a_dead_qemu_raises(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        vm.monitor.execute("query-anything")
        os.kill(vm.live.qemu_pid, signal.SIGKILL)
        vm.wait_end()
        with pytest.raises(MonitorError):
            vm.monitor.execute("query-anything", timeout_s=2)


def test_transcript_has_both_directions_as_json(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        vm.monitor.execute("device-list-properties", typename="x")
        path = vm.files.monitor
    lines = path.read_text().splitlines()
    assert lines[0].startswith("-> ")
    assert json.loads(lines[0][3:]) == {"execute": "device-list-properties", "arguments": {"typename": "x"}}
    assert json.loads(lines[1][3:]) == {"return": {}}


def test_qemu_that_goes_while_it_is_connected_to_is_a_monitor_that_never_answered() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    monitor = Monitor(ours, None, slowness=1.0, negotiated=True)
    try:
        with pytest.raises(MonitorError, match="QMP cont: the monitor never answered"):
            monitor.execute("cont")
    finally:
        monitor.close()


def test_monitor_of_a_qemu_that_goes_at_any_moment_leaves_nothing_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # what tests before have left is not ours
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        for number in range(60):
            ours, theirs = socket.socketpair()
            with theirs:
                monitor = Monitor(ours, None, slowness=1.0, negotiated=True)
                answers = [monitor.begin("stop"), monitor.begin("cont")]
                time.sleep(number % 20 * 0.0001)
            time.sleep(number % 37 * 0.00005)
            monitor.close()
            ours.close()
            del monitor, answers
            gc.collect()
    assert [str(each.message) for each in said] == []
    # asyncio logs what was not awaited
    assert caplog.text == ""


def test_tasks_that_qmp_leaves_are_not_reported_and_errors_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monitor = Monitor(ours, None, 1.0)
        loop = monitor._loop
        for error in (asyncio.CancelledError(), EOFError(), ConnectionResetError(), ValueError("ours")):
            loop.call_soon_threadsafe(loop.call_exception_handler, {"message": "lost", "exception": error})
        monitor.close()
    reported = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert reported == [ValueError]
