"""Waiting for what a guest does in its own time, and for a guest that dies meanwhile."""

from __future__ import annotations

import itertools
import os
import signal
import time
from functools import cache
from pathlib import Path

import pytest
from tests.edge.machine.conftest import Booter

from rustbed.errors import CrashError, HangError, LostError, WaitError


def test_first_true_value_is_returned(fake_boot: Booter) -> None:
    values = iter(["", None, "done", "late"])
    with fake_boot("ready", "wait") as vm:
        assert vm.wait_for(lambda: next(values), "the end") == "done"


def test_what_never_comes_is_named_when_time_is_up(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        with pytest.raises(WaitError, match=r"waiting for the end: not within .*, and the guest answers"):
            vm.wait_for(lambda: False, "the end", timeout_s=0.5)
        # waiting in vain says nothing of the machine
        assert vm.ended is None
        assert vm.check("echo alive") == "alive"


def test_guest_that_does_not_answer_either_hangs(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait", slowness=0.01) as vm:
        with pytest.raises(HangError):
            vm.run("sleep 60", timeout_s=1)
        with pytest.raises(HangError):
            vm.wait_for(lambda: False, "the end", timeout_s=0.5)


def test_machine_that_goes_on_is_waited_for_in_vain(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        with pytest.raises(WaitError, match="the machine still runs after"):
            vm.wait_end(timeout_s=0.5)
        assert vm.check("echo alive") == "alive"


def test_condition_may_ask_the_guest(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        numbers = itertools.count()
        vm.wait_for(lambda: vm.check(f"expr {next(numbers)} \\>= 3 || :") == "1", "a large number")
        assert next(numbers) == 4


@pytest.mark.parametrize(
    ("said", "error"), [("", LostError), ("Kernel panic - not syncing: oh\n", CrashError)]
)
def test_wait_ends_when_the_machine_does(
    fake_boot: Booter, tmp_path: Path, said: str, error: type[Exception]
) -> None:
    started = time.monotonic()
    with fake_boot("ready", "wait") as vm:

        @cache
        def end() -> None:
            with (tmp_path / "run" / "console.log").open("a") as console:
                console.write(said)
            os.kill(vm.live.qemu_pid, signal.SIGKILL)

        with pytest.raises(error):
            vm.wait_for(end, "the end", timeout_s=600)
    assert time.monotonic() - started < 300
