"""A copy of a test's machine that is interrupted, or for which there are no descriptors, leaves nothing."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rustbed import Vm, procfs
from rustbed.errors import HostError
from rustbed.forks.hot import twins
from tests.boot.copied import Start
from tests.processes import children

# what copies a machine, in order; each is called once for a copy, but `open_copier` once for a machine
STAGES = ("open_copier", "start_copy", "Monitor", "adopt")


def interrupt() -> None:
    raise KeyboardInterrupt


def exhaust() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.arches("x86_64")
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("fail", "error"), [(interrupt, KeyboardInterrupt), (exhaust, HostError)])
def test_copies_that_fail_at_any_stage_leave_nothing(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    fail: Callable[[], None],
    error: type[BaseException],
) -> None:
    with start() as vm, nothing_left():
        with monkeypatch.context() as patch:
            # what it returned is lost; of two copies the first is there by then
            patch.setattr(
                twins, stage, failing(getattr(twins, stage), fail, at=1 if stage == STAGES[0] else 2)
            )
            with pytest.raises(error), vm.forks(2):
                pass
        require_well(vm)


@pytest.mark.arches("x86_64")
def test_machine_goes_on_if_its_stop_is_interrupted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with start() as vm, nothing_left():
        execute = vm.monitor.execute

        def interrupted(command: str, *given: Any, **named: Any) -> Any:
            said = execute(command, *given, **named)
            if command == "stop":
                raise KeyboardInterrupt
            return said

        with monkeypatch.context() as patch:
            patch.setattr(vm.monitor, "execute", interrupted)
            with pytest.raises(KeyboardInterrupt), vm.fork():
                pass
        require_well(vm)


def failing(real: Callable[..., Any], fail: Callable[[], None], *, at: int) -> Callable[..., Any]:
    """Return a function that fails at one of its calls."""
    calls = 0

    def call(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < at:
            return real(*given, **named)
        if at == 1:
            real(*given, **named)
        return fail()

    return call


@contextmanager
def nothing_left() -> Iterator[None]:
    """Require that a block leaves no process, descriptor or thread."""
    processes, descriptors, threads = held()
    yield
    now = held()
    # the fork that stands by may have been ended for its memory
    assert now[0] <= processes
    assert now[1] <= descriptors
    assert now[2] <= threads


def held() -> tuple[set[int], int, int]:
    """Return this process's children, and how many descriptors and threads it has."""
    return set(children(os.getpid())), len(procfs.descriptors(os.getpid())), threading.active_count()


def require_well(vm: Vm) -> None:
    """Require that a machine runs, answers, and is copied."""
    assert vm.monitor.execute("query-status")["running"]
    assert vm.check("echo well") == "well"
    with vm.forks(2) as copies:
        assert [twin.check("echo well") for twin in copies] == ["well", "well"]
