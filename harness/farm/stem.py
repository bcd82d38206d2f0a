"""A warm pytest: it has imported what a session's tests import, and is forked for each batch.

    python -m rustbed.farm.stem FD ATTEMPT ARGUMENTS...

It collects the tests of an attempt, which imports plugins, conftests and tests. Then the socket FD receives
the directories of attempts, each with the descriptor of its log. For each a child runs pytest as if it were
started, and the answers are `began PID` and `ended STATUS`. The answer `unfit 0` means that an import started
a thread or a process, which a child would not have. The stem ends after that answer, when the socket's other
end is closed, and when its directory was removed: a session removes its copy of the project.
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
    """Import everything, then fork for each order."""
    orders, here = socket.socket(fileno=int(words[0])), Path.cwd()
    orders.set_inheritable(False)
    _, attempt, *arguments = words
    with suppress(SystemExit):
        # an error in the tests is one of each batch, too
        _run_pytest([*arguments, _attempt(attempt), "--collect-only"])
    sys.stdout.flush()
    gc.collect()
    gc.freeze()
    while True:
        if not select.select([orders], [], [], _LOOK_S)[0]:
            if here.is_dir():
                continue
            return
        order, logs, _, _ = socket.recv_fds(orders, _LONGEST, 1)
        if not order:
            return
        if not _is_alone():
            orders.send(b"unfit 0")
            return
        parent = os.getpid()
        if (pid := os.fork()) == 0:
            _become_batch(orders, logs[0], parent)
            _run_pytest([*arguments, _attempt(order.decode())])
        os.close(logs[0])
        _, status = os.waitpid(pid, 0)
        orders.send(f"ended {os.waitstatus_to_exitcode(status)}".encode())


def _attempt(directory: str) -> str:
    return f"--rustbed-farm-attempt={directory}"


def _is_alone() -> bool:
    """Whether this process has one thread and no child."""
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _become_batch(orders: socket.socket, log: int, parent: int) -> None:
    """Let this child die with its parent, lead a process group, and write to a log, as if it were started."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setsid()
    orders.send(f"began {os.getpid()}".encode())
    orders.close()
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    # what was registered before is for the end of the parent
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
