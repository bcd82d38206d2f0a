"""What the host's kernel tells of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.processes import wait_until

from rustbed.procfs import (
    CpuTime,
    descriptors,
    is_runnable,
    longest_wait,
    process_state,
    status,
    thread_times,
    total,
)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def wait_for_state(pid: int, wanted: str) -> str:
    end = time.monotonic() + 120
    while process_state(pid) != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return process_state(pid)


def test_stopped_process_is_seen_to_be(child: subprocess.Popen[bytes]) -> None:
    assert wait_for_state(child.pid, "S") == "S"
    os.kill(child.pid, signal.SIGSTOP)
    assert wait_for_state(child.pid, "T") == "T"


def test_process_that_is_gone_has_no_state_and_no_threads(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    assert process_state(child.pid) == ""
    assert thread_times(child.pid) == {}


def test_time_of_a_thread_grows_with_what_it_does() -> None:
    own = threading.get_native_id()
    before, end = thread_times(os.getpid())[own], time.thread_time() + 0.2
    while time.thread_time() < end:
        pass
    spent = thread_times(os.getpid())[own] - before
    assert spent.ran_s > 0.1
    assert spent.waited_s >= 0


def test_process_that_shares_a_processor_waits_for_it() -> None:
    one = min(os.sched_getaffinity(0))
    spin = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{one}}})\nwhile True: pass"]
    with ExitStack() as stack:
        for _ in range(2):
            spinning = stack.enter_context(subprocess.Popen(spin))
            stack.callback(spinning.kill)
        before = thread_times(spinning.pid)
        wait_until(lambda: longest_wait(thread_times(spinning.pid), before) > 0.2, "a wait for the processor")


def test_thread_that_wants_a_processor_is_seen_to(child: subprocess.Popen[bytes]) -> None:
    wait_for_state(child.pid, "S")
    assert not is_runnable(child.pid)
    # the main thread sleeps
    spin = "def spin():\n while True: pass\n"
    code = f"from threading import Thread\n{spin}Thread(target=spin).start()"
    with subprocess.Popen([sys.executable, "-c", code]) as spinning:
        try:
            wait_until(lambda: len(thread_times(spinning.pid)) == 2, "the other thread")
            wait_for_state(spinning.pid, "S")
            assert process_state(spinning.pid) == "S"
            assert is_runnable(spinning.pid)
        finally:
            spinning.kill()
    assert not is_runnable(spinning.pid)


def test_process_that_sleeps_waits_for_no_processor(child: subprocess.Popen[bytes]) -> None:
    wait_for_state(child.pid, "S")
    before = thread_times(child.pid)
    assert longest_wait(thread_times(child.pid), before) == 0


def test_wait_is_that_of_the_thread_that_waited_longest() -> None:
    before = {1: CpuTime(waited_s=4.0), 2: CpuTime(waited_s=1.0)}
    now = {1: CpuTime(waited_s=5.0), 2: CpuTime(waited_s=3.5), 3: CpuTime(waited_s=2.0)}
    assert longest_wait(now, before) == 2.5
    assert longest_wait({}, before) == 0


def test_times_add_up() -> None:
    several = [CpuTime(ran_s=1.0, waited_s=0.5), CpuTime(ran_s=2.0)]
    assert total(several) == CpuTime(ran_s=3.0, waited_s=0.5)
    assert total([]) == CpuTime()


def test_open_file_is_among_the_descriptors_of_its_process(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "open"
    with path.open("w") as stream:
        found = descriptors(os.getpid())[stream.fileno()]
        assert os.path.samestat(found, path.stat())
        assert set(descriptors(child.pid)) >= {0, 1, 2}
    assert not any(os.path.samestat(each, path.stat()) for each in descriptors(os.getpid()).values())


def test_fields_of_a_status_are_named_whole(child: subprocess.Popen[bytes]) -> None:
    assert status(child.pid, "PPid") == str(os.getpid())
    assert status(child.pid, "Pid") == str(child.pid)
    assert status(child.pid, "NoSuchField") == ""
