"""Waiting for what a guest does in its own time, and for a guest that dies meanwhile."""

from __future__ import annotations

import itertools
import time

import pytest

from harness.errors import CrashError, HangError, LostError
from tests.edge.machine.conftest import Booter


def test_first_true_value_is_returned(fake_boot: Booter) -> None:
    values = iter(["", None, "done", "late"])
    with fake_boot("ready", "wait") as vm:
        assert vm.wait_for(lambda: next(values), "the end") == "done"


def test_what_never_comes_is_named_when_time_is_up(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        with pytest.raises(HangError, match="waiting for the end: not within"):
            vm.wait_for(lambda: False, "the end", timeout_s=0.5)
        # waiting in vain says nothing of the machine
        assert vm.ended is None
        assert vm.check("echo alive") == "alive"


def test_condition_may_ask_the_guest(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        numbers = itertools.count()
        vm.wait_for(lambda: vm.check(f"expr {next(numbers)} \\>= 3 || :") == "1", "a large number")
        assert next(numbers) == 4


@pytest.mark.parametrize(
    ("act", "error"), [("exit:3", LostError), ("print:Kernel_panic_-_not_syncing:_oh", CrashError)]
)
def test_wait_ends_when_the_machine_does(fake_boot: Booter, act: str, error: type[Exception]) -> None:
    started = time.monotonic()
    with fake_boot("ready", act, "exit:1") as vm, pytest.raises(error):
        vm.wait_for(lambda: False, "the end", timeout_s=600)
    assert time.monotonic() - started < 30
