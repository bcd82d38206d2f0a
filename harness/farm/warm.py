"""A worker's end of a stem: the fork of a session's warm pytest that runs this worker's batches."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rustbed import process
from rustbed.errors import HostError
from rustbed.farm.stems import EXIT_S, LONGEST, RELEASED, Session, session_of
from rustbed.farm.store import Job

# seconds between looks whether a session still waits for the results
_LOOK_S = 0.5


class _GoneError(Exception):
    """A fork, or the stem that should have made it, ended before a batch began."""


class Warm:
    """The fork for the session whose batch a worker ran last: see `rustbed/farm/stem.py`."""

    def __init__(self, stems: socket.socket) -> None:
        """Ask for forks on a socket, where `rustbed.farm.stems.Stems` answers."""
        self._stems = stems
        self._orders: socket.socket | None = None
        # of the fork, and of the last session without one
        self._session: Session = ()
        self._unfit: Session = ()

    def run(self, job: Job, log: int, is_wanted: Callable[[], bool]) -> int | None:
        """Run a batch, its output to a descriptor, and return its exit status; None if it is unwanted.

        No process of the batch is left. Raises HostError if none can be started, or if it was lost.
        """
        session = session_of(job)
        if session != self._unfit:
            if self._orders is not None and session == self._session:
                # it may have been lost since its last batch
                with suppress(_GoneError):
                    return self._run_forked(self._orders, job, log, is_wanted)
            with suppress(_GoneError):
                return self._run_forked(self._connect(session, job, log), job, log, is_wanted)
            self._unfit = session
        return _run_started(job, log, is_wanted)

    def _run_forked(
        self, orders: socket.socket, job: Job, log: int, is_wanted: Callable[[], bool]
    ) -> int | None:
        """Let a fork run a batch. Raises _GoneError, and HostError if the fork is lost meanwhile."""
        batch, status = 0, None
        try:
            socket.send_fds(orders, [job.attempt.encode()], [log])
            while status is None and is_wanted():
                if not select.select([orders], [], [], _LOOK_S)[0]:
                    continue
                said, _, number = orders.recv(LONGEST).partition(b" ")
                if not said:
                    raise ConnectionResetError
                if said == b"began":
                    batch = int(number)
                else:
                    status = int(number)
        except ConnectionError as error:
            if batch:
                raise HostError("the process was lost that had started pytest") from error
            raise _GoneError from error
        finally:
            if status is None:
                self._end(batch)
        if status is None:
            self._stems.send(RELEASED)
        return status

    def _connect(self, session: Session, job: Job, log: int) -> socket.socket:
        """Return a socket to a new fork for a session. Raises HostError."""
        self.close()
        socket.send_fds(self._stems, [job.attempt.encode()], [log])
        said, given, _, _ = socket.recv_fds(self._stems, LONGEST, 1)
        if not given:
            raise HostError(said.decode(errors="replace"))
        self._orders, self._session = socket.socket(fileno=given[0]), session
        self._orders.set_inheritable(False)
        return self._orders

    def _end(self, batch: int) -> None:
        """End the fork at once, and the batch that it runs; `batch` is 0 if it has begun none."""
        if batch and self._orders is not None:
            with suppress(OSError):
                self._orders.shutdown(socket.SHUT_WR)
                self._orders.settimeout(EXIT_S)
                while self._orders.recv(LONGEST):
                    pass
            # if the fork was lost, its child has ended, too, but not what that has started
            with suppress(ProcessLookupError):
                os.killpg(batch, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """End the fork, which runs no batch."""
        if self._orders is not None:
            self._orders.close()
        self._orders = None


def _run_started(job: Job, log: int, is_wanted: Callable[[], bool]) -> int | None:
    """Run a batch in a pytest that is started for it."""
    argv = [sys.executable, "-m", "pytest", *job.arguments, f"--rustbed-farm-attempt={job.attempt}"]
    with process.start(argv, stdout=log, stderr=log, cwd=Path(job.directory), env=job.environment) as child:
        while (status := process.wait(child, _LOOK_S)) is None:
            if not is_wanted():
                return None
    return status
