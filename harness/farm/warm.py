"""A worker's end of a stem: the warm pytest of one session, which is forked for each of its batches."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from rustbed import process
from rustbed.farm.store import Job

# seconds between looks whether a session still waits for the results
_LOOK_S = 0.5
# seconds that a stem has for its exit
_EXIT_S = 60.0


class _UnfitError(Exception):
    """A stem cannot be forked."""


class Warm:
    """The stem of the session whose batch a worker ran last: see `rustbed/farm/stem.py`."""

    _child: process.Child
    _orders: socket.socket

    def __init__(self) -> None:
        self._stack = ExitStack()
        # what all batches of a session have: of the stem's session, and of the last one without a stem
        self._session: tuple[object, ...] = ()
        self._unfit: tuple[object, ...] = ()

    def run(self, job: Job, log: int, is_wanted: Callable[[], bool]) -> int | None:
        """Run a batch, its output to a descriptor, and return its exit status; None if it is unwanted.

        No process of the batch is left. Raises HostError if none can be started.
        """
        session = (job.directory, *job.arguments, *sorted(job.environment.items()))
        if session != self._unfit:
            self._require_stem(session, job, log)
            with suppress(_UnfitError):
                return self._run_forked(job, log, is_wanted)
            self.end()
            self._unfit = session
        return _run_started(job, log, is_wanted)

    def _run_forked(self, job: Job, log: int, is_wanted: Callable[[], bool]) -> int | None:
        """Let the stem run a batch. Raises _UnfitError."""
        batch, status = 0, None
        try:
            socket.send_fds(self._orders, [job.attempt.encode()], [log])
            while status is None and is_wanted():
                if select.select([self._orders], [], [], _LOOK_S)[0]:
                    said, number = self._orders.recv(64).split()
                    if said == b"began":
                        batch = int(number)
                    else:
                        status = int(number)
                        if said == b"unfit":
                            raise _UnfitError
        except (OSError, ValueError):
            # the stem is gone, and the batch with it
            return process.wait(self._child)
        finally:
            if status is None:
                self._kill()
            if batch:
                _kill_group(batch)
        return status

    def end(self) -> None:
        """End the stem in order: what modules registered for the exit of Python runs."""
        if self._session:
            self._orders.close()
            process.wait(self._child, _EXIT_S)
        self._kill()

    def _kill(self) -> None:
        """End the stem at once, and the batch that it runs."""
        self._stack.close()
        self._session = ()

    def _require_stem(self, session: tuple[object, ...], job: Job, log: int) -> None:
        """Start a stem unless that of the job's session is here."""
        if session == self._session and self._child.poll() is None:
            return
        self.end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders = self._stack.enter_context(ours)
        argv = [sys.executable, "-m", "rustbed.farm.stem", str(theirs.fileno()), job.attempt, *job.arguments]
        with theirs:
            self._child = self._stack.enter_context(
                process.start(
                    argv,
                    stderr=log,
                    cwd=Path(job.directory),
                    env=job.environment,
                    pass_fds=(theirs.fileno(),),
                )
            )
        self._session = session


def _kill_group(leader: int) -> None:
    """End what a process left in its group."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _run_started(job: Job, log: int, is_wanted: Callable[[], bool]) -> int | None:
    """Run a batch in a pytest that is started for it."""
    argv = [sys.executable, "-m", "pytest", *job.arguments, f"--rustbed-farm-attempt={job.attempt}"]
    with process.start(argv, stdout=log, stderr=log, cwd=Path(job.directory), env=job.environment) as child:
        while (status := process.wait(child, _LOOK_S)) is None:
            if not is_wanted():
                return None
    return status
