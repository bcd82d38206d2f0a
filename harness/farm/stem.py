"""A warm pytest: it has imported what a session's tests import, and is forked for each batch of a host.

    python -m rustbed.farm.stem FD ATTEMPT ARGUMENTS...

It collects the tests of an attempt, which imports plugins, conftests and tests. Then it receives sockets on
the socket FD, one for each worker, and forks a process for each. That process receives the directories of
attempts, each with the descriptor of its log, and forks again for each: the child runs pytest as if it were
started. The answers are `began PID` and `ended STATUS`. It ends, and ends the batch, as soon as the worker's
end of the socket is closed.

The stem ends when the other end of FD is closed, and when its directory was removed: a session removes its
copy of the project. If an import started a thread or a process, which a child would not have, it ends before
it has forked.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import runpy
import select
import signal
import socket
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

# seconds between looks whether the session is over
_LOOK_S = 2.0
# prctl(2)
_PR_SET_PDEATHSIG = 1
# longest path of a directory, in bytes
_LONGEST = 4096


def main(words: Sequence[str]) -> None:
    """Import everything, then fork for each worker."""
    asking, here = socket.socket(fileno=int(words[0])), Path.cwd()
    asking.set_inheritable(False)
    _, attempt, *arguments = words
    with suppress(SystemExit):
        # an error in the tests is one of each batch, too
        _run_pytest([*arguments, _attempt(attempt), "--collect-only"])
    sys.stdout.flush()
    if not _is_alone():
        return
    gc.collect()
    gc.freeze()
    while True:
        if not select.select([asking], [], [], _LOOK_S)[0]:
            _reap()
            if here.is_dir():
                continue
            return
        request, given, _, _ = socket.recv_fds(asking, _LONGEST, 1)
        if not request:
            return
        with socket.socket(fileno=given[0]) as orders:
            parent = os.getpid()
            if os.fork() == 0:
                _die_with(parent)
                asking.close()
                _serve(orders, arguments)


def _serve(orders: socket.socket, arguments: Sequence[str]) -> NoReturn:
    """Fork for each batch of a worker, until the worker's end of the socket is closed."""
    orders.set_inheritable(False)
    parent = os.getpid()
    while True:
        attempt, logs, _, _ = socket.recv_fds(orders, _LONGEST, 1)
        if not attempt:
            # not by sys.exit: what was registered for the exit of Python is for the end of the stem
            os._exit(0)
        if (batch := os.fork()) == 0:
            _die_with(parent)
            _become_batch(orders, logs[0])
            _run_pytest([*arguments, _attempt(attempt.decode())])
        os.close(logs[0])
        with suppress(ConnectionError):
            orders.send(f"ended {_wait(batch, orders)}".encode())


def _wait(batch: int, orders: socket.socket) -> int:
    """Return the exit status of a batch, and end what is left of it.

    It is ended as soon as the worker's end of the socket is closed.
    """
    descriptor = os.pidfd_open(batch)
    events = select.poll()
    events.register(descriptor, select.POLLIN)
    # a worker sends nothing before the batch has ended
    events.register(orders, select.POLLIN | select.POLLRDHUP)
    if descriptor not in dict(events.poll()):
        # it may not lead its group yet
        os.kill(batch, signal.SIGKILL)
    os.close(descriptor)
    _, status = os.waitpid(batch, 0)
    with suppress(ProcessLookupError):
        os.killpg(batch, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def _attempt(directory: str) -> str:
    return f"--rustbed-farm-attempt={directory}"


def _reap() -> None:
    """Take note of forks that have ended with their workers."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _is_alone() -> bool:
    """Whether this process has one thread and no child."""
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _die_with(parent: int) -> None:
    """Let this child die with its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _become_batch(orders: socket.socket, log: int) -> None:
    """Let this child lead a process group, and write to a log, as if it were started."""
    os.setsid()
    orders.send(f"began {os.getpid()}".encode())
    orders.close()
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    # what was registered before is for the end of the stem
    atexit._clear()
    finalize: Any = weakref.finalize
    for each in finalize._registry:
        each.atexit = False
    atexit.register(finalize._exitfunc)


def _run_pytest(arguments: Sequence[str]) -> NoReturn:
    """Run pytest as `python -m pytest` does. Raises SystemExit."""
    sys.argv = ["pytest", *arguments]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    raise SystemExit


if __name__ == "__main__":
    main(sys.argv[1:])
