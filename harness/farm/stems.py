"""The stems of a host, one for each session whose batches its workers run: see `rustbed/farm/stem.py`.

A worker asks over a socket: the directory of an attempt, with the descriptor of its log. The answer has the
descriptor of a socket, on which a fork of the stem takes the worker's batches, or is a text that says why
there is none. The request RELEASED has no answer: nobody waits for what the worker's fork does.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from rustbed import process
from rustbed.errors import HarnessError
from rustbed.farm.store import Job, read_job

RELEASED = b"released"
# bytes of a request or an answer, at most
LONGEST = 4096
# seconds that a stem has for its exit
EXIT_S = 60.0

# what all batches of a session have in common
Session = tuple[object, ...]


def session_of(job: Job) -> Session:
    """Return what is equal for all jobs that one stem can run."""
    return (job.directory, *job.arguments, *sorted(job.environment.items()))


def open_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a socket that keeps the bounds of messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Stems:
    """Starts and ends stems; belongs to one thread, with which they die. A context manager."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Stems get these variables besides those of this process and of their session."""
        self._settings = settings
        self._stems: dict[Session, _Stem] = {}
        # those that no worker uses any more
        self._ending: list[_Stem] = []
        # by worker
        self._uses: dict[str, Session] = {}

    def __enter__(self) -> Stems:
        return self

    def __exit__(self, *_: object) -> None:
        for stem in (*self._stems.values(), *self._ending):
            stem.kill()

    def answer(self, worker: str, asking: socket.socket) -> bool:
        """Answer the next request of a worker; return whether there can be more of them."""
        try:
            request, logs, _, _ = socket.recv_fds(asking, LONGEST, 1)
        except ConnectionError:
            request, logs = b"", []
        if not logs:
            if (stem := self._release(worker)) is not None:
                stem.kill()
            return bool(request)
        try:
            with self._connect(worker, Path(request.decode()), logs[0]) as orders:
                socket.send_fds(asking, [b"connected"], [orders.fileno()])
        except (HarnessError, OSError, ValueError) as error:
            # the worker may be the one that is gone
            with suppress(OSError):
                asking.send(str(error).encode()[:LONGEST])
        finally:
            os.close(logs[0])
        return True

    def look(self) -> None:
        """Forget stems that have ended, and kill those that take too long to end."""
        for session in [session for session, stem in self._stems.items() if stem.has_ended()]:
            self._stems.pop(session).kill()
        for stem in [stem for stem in self._ending if stem.has_ended() or stem.is_late()]:
            self._ending.remove(stem)
            stem.kill()

    def _connect(self, worker: str, attempt: Path, log: int) -> socket.socket:
        """Return the worker's end of a socket to a fork of its session's stem. Raises HostError, OSError."""
        job = read_job(attempt)
        session = session_of(job)
        if self._uses.get(worker) != session and (unused := self._release(worker)) is not None:
            unused.end()
            self._ending.append(unused)
        self.look()
        self._uses[worker] = session
        if (stem := self._stems.get(session)) is not None:
            # one that is about to end is replaced
            with suppress(OSError):
                return stem.connect()
            stem.kill()
        stem = self._stems[session] = _Stem(job, log, self._settings)
        return stem.connect()

    def _release(self, worker: str) -> _Stem | None:
        """Note that a worker uses no stem; return the one that no worker uses any more."""
        session = self._uses.pop(worker, None)
        if session is None or session in self._uses.values():
            return None
        return self._stems.pop(session, None)


class _Stem:
    """A process that is forked for each worker."""

    def __init__(self, job: Job, log: int, settings: Mapping[str, str]) -> None:
        """Start it, with its errors in a log. Raises HostError."""
        self._late = float("inf")
        ours, theirs = open_pair()
        argv = [sys.executable, "-m", "rustbed.farm.stem", str(theirs.fileno()), job.attempt, *job.arguments]
        with theirs, ExitStack() as stack:
            self._asking = stack.enter_context(ours)
            self._child = stack.enter_context(
                process.start(
                    argv,
                    stderr=log,
                    cwd=Path(job.directory),
                    env={**settings, **job.environment},
                    pass_fds=(theirs.fileno(),),
                )
            )
            self._stack = stack.pop_all()

    def connect(self) -> socket.socket:
        """Return a socket to a fork that it makes when it has imported the tests. Raises OSError if it ended.

        If it ends before that, the socket is closed at the other end.
        """
        ours, theirs = open_pair()
        with theirs:
            try:
                socket.send_fds(self._asking, [b"fork"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

    def end(self) -> None:
        """Let it end in order: what modules registered for the exit of Python runs."""
        self._asking.close()
        self._late = time.monotonic() + EXIT_S

    def has_ended(self) -> bool:
        """Whether its process has ended."""
        return self._child.poll() is not None

    def is_late(self) -> bool:
        """Whether it has had the time to end."""
        return time.monotonic() > self._late

    def kill(self) -> None:
        """End it at once, and with it its forks and their batches."""
        self._stack.close()
