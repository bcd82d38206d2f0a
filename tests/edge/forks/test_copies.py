"""What a copy of a running program is, whatever the program."""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.edge.forks.conftest import Program, Start, descriptors
from tests.processes import children, is_running

from rustbed import process
from rustbed.errors import ForkError

# seconds: a copy takes a few milliseconds, so that these are moments all over one
DELAYS = (0.001, 0.0027, 0.0041, 0.0058, 0.0076, 0.0093)


def copy_often(program: Program) -> None:
    for _ in range(1000):
        with program.copied():
            pass


def copy_until_alarm(program: Program, delay_s: float) -> None:
    """Copy a program; a host that is busy may raise the alarm at once."""
    signal.setitimer(signal.ITIMER_REAL, delay_s)
    copy_often(program)


def require_no_copy(others: list[int]) -> None:
    """Wait until this process has no child but others: a copy ends a moment after its socket is closed."""
    # what an interrupted function held goes with its frame
    gc.collect()
    end = time.monotonic() + 120
    while left := [pid for pid in children(os.getpid()) if pid not in others]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_copy_goes_on_with_all_threads_and_variables(start: Start) -> None:
    program = start()
    assert [program.say("add 3"), program.say("workers")] == ["3", "3"]
    with program.copied() as copy:
        assert [copy.say("add 1"), copy.say("workers"), copy.say("workers")] == ["4", "3", "3"]
        assert copy.say("numbers") == f"{copy.pid} {copy.pid}"
        assert [program.say("add 0"), program.say("workers")] == ["3", "3"]


def test_copies_share_nothing(start: Start) -> None:
    program = start()
    program.say("post 5")
    with ExitStack() as stack:
        copies = [stack.enter_context(program.copied()) for _ in range(3)]
        assert [copy.say(f"add {number}") for number, copy in enumerate(copies)] == ["0", "1", "2"]
        # each has the counter of the moment when it was copied
        assert [copy.say("fetch") for copy in copies] == ["5", "5", "5"]
        assert [copy.say("fetch") for copy in copies] == ["0", "0", "0"]
        assert program.say("fetch") == "5"


def test_copy_of_a_copy_outlives_what_it_was_copied_from(start: Start) -> None:
    program = start()
    with ExitStack() as stack:
        first = stack.enter_context(program.copied())
        first.say("add 10")
        second = stack.enter_context(first.copied())
        first.child.kill()
        program.child.kill()
        assert [second.say("add 1"), second.say("workers")] == ["11", "3"]
        with second.copied() as third:
            assert [third.say("add 1"), third.say("workers")] == ["12", "3"]


def test_threads_of_copies_are_known_by_the_numbers_of_the_first_program(start: Start) -> None:
    def tasks(pid: int) -> set[int]:
        return {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()} - {pid}

    program = start()
    program.say("workers")
    with program.copied() as copy, copy.copied() as second:
        for each in (copy, second):
            assert set(each.threads) == tasks(program.pid)
            assert set(each.threads.values()) == tasks(each.pid)


def test_exit_status_of_a_copy_is_its_own(start: Start) -> None:
    program = start()
    with program.copied() as copy:
        copy.shell.sendall(b"exit 7\n")
        assert process.wait(copy.child, 20) == 7
    with program.copied() as copy:
        os.kill(copy.pid, signal.SIGSEGV)
        assert process.wait(copy.child, 20) == -signal.SIGSEGV
    assert program.say("add 0") == "0"


def test_hundred_copies_leave_nothing_behind(start: Start) -> None:
    program = start()
    with program.copied():
        pass
    # what tests before have left is not closed in between
    gc.collect()
    before = descriptors(program.pid), descriptors(os.getpid())
    for number in range(100):
        with program.copied() as copy:
            assert copy.say(f"add {number}") == str(number)
        assert not is_running(copy.pid)
    assert (descriptors(program.pid), descriptors(os.getpid())) == before


def test_copy_ends_when_its_socket_is_closed(start: Start) -> None:
    program = start()
    with program.copied() as copy:
        copy.control.close()
        assert process.wait(copy.child, 20) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("socket", "socket:.* would be shared"),
        ("pipe", "pipe:.* would be shared"),
        ("timer", "timerfd.* would be shared"),
        ("epoll", "eventpoll.* is in use"),
        ("file", "written, would be shared"),
        ("memory", "mapping of .*zero.* would be shared"),
        ("processor", "is busy"),
        ("thread", "1 of its 5 threads are unknown"),
    ],
)
def test_what_cannot_be_copied_is_refused_by_name_and_harms_nothing(
    start: Start, thing: str, said: str
) -> None:
    program = start()
    assert program.say(f"hold {thing}") == "held"
    before = descriptors(program.pid)
    with pytest.raises(ForkError, match=said), program.copied():
        pass
    assert [program.say("add 1"), program.say("workers")] == ["1", "3"]
    assert descriptors(program.pid) == before


def test_program_killed_when_it_is_asked_is_an_error(start: Start) -> None:
    program = start()
    os.kill(program.pid, signal.SIGKILL)
    with pytest.raises(ForkError, match=r"asked for a copy|ended"), program.copied():
        pass


def test_stopped_program_does_not_answer_and_is_not_asked_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rustbed.forks.hot.copier._COPY_S", 0.3)
    program = start()
    os.kill(program.pid, signal.SIGSTOP)
    with pytest.raises(ForkError, match=r"did not make a copy within 0\.3 s"), program.copied():
        pass
    os.kill(program.pid, signal.SIGCONT)
    # its answer came too late, and is not taken for that to another request
    with pytest.raises(ForkError, match="did not answer"), program.copied():
        pass


def test_program_without_descriptors_left_refuses(start: Start) -> None:
    program = start()
    few = descriptors(program.pid) + 1
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (few, few))
    with pytest.raises(ForkError, match="cannot be copied"), program.copied():
        pass
    assert program.say("add 1") == "1"


@pytest.mark.parametrize("delay_s", DELAYS)
def test_program_killed_while_it_copies_is_an_error_and_leaves_no_copy(start: Start, delay_s: float) -> None:
    program = start()
    others = children(os.getpid())
    killer = threading.Timer(delay_s, os.kill, (program.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(ForkError, match=r"asked for a copy|ended|did not start"):
        copy_often(program)
    killer.join()
    require_no_copy(others)


# between the making of a socket and the context that closes it an interruption leaves that to Python
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("delay_s", DELAYS)
def test_interruption_while_a_program_copies_leaves_no_copy(start: Start, delay_s: float) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    program = start()
    others = children(os.getpid())
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            copy_until_alarm(program, delay_s)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # what Python has to close, it closes here, and not in another test
    gc.collect()
    require_no_copy(others)


def test_copies_killed_at_any_moment_leave_no_process(start: Start) -> None:
    program = start()
    pids = []
    for delay_ms in range(20):
        with program.copied() as copy:
            pids.append(copy.pid)
            time.sleep(delay_ms / 5000)
    assert [pid for pid in pids if is_running(pid)] == []


def test_library_that_cannot_be_loaded_is_noticed(start: Start, tmp_path: Path) -> None:
    (tmp_path / "no.so").write_text("not a library")
    program = start(shim=tmp_path / "no.so", ready=False)
    program.say("add 1")
    with pytest.raises(ForkError, match="its shim does not answer"):
        program.copier.require_ready(0.2)
