"""A farm's processes: starts a scheduler and workers, restarts lost workers, and ends them all.

All die with this process, however it ends.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from rustbed import host, process
from rustbed.errors import HostError
from rustbed.farm.address import TCP, TLS, render_host, require_scheduler
from rustbed.farm.batches import ARCH, MEMORY
from rustbed.farm.engine import GONE
from rustbed.farm.key import require_key
from rustbed.farm.software import software
from rustbed.farm.stems import Stems, open_pair
from rustbed.progress import Say
from rustbed.scratch import open_scratch

_SCRATCH = "rustbed-farm."
_ENGINE = (sys.executable, "-m", "rustbed.farm.engine")
# seconds between looks whether the workers live; the socket of one that ends is seen at once
_LOOK_S = 0.5
# a worker that lives shorter, in seconds, has not started well; and how many such in a row are an error
_YOUNG_S, _TOO_OFTEN = 10.0, 5


@contextmanager
def scheduler(interface: str | None, port: int) -> Iterator[str]:
    """Yield the address of a scheduler: with TLS at an address of this host, or without on loopback.

    Raises HostError if it does not start, and UsageError without a key for TLS.
    """
    protocol, interface = (TLS, render_host(interface)) if interface else (TCP, "127.0.0.1")
    if protocol == TLS:
        require_key()
    with open_scratch(_SCRATCH) as scratch:
        log = scratch / "scheduler.log"
        argv = [*_ENGINE, "scheduler", protocol, interface, str(port)]
        settings = _settings(scratch)
        with (
            log.open("wb") as errors,
            process.start(argv, stdout=process.PIPE, stderr=errors.fileno(), env=settings) as child,
        ):
            assert child.stdout is not None
            address = child.stdout.readline().decode().strip()
            if not address:
                wanted = f"{protocol}://{interface}:{port}"
                raise HostError(f"no scheduler at {wanted}", output=_tail(log), fix="--port=0: a free one")
            yield address


def serve_workers(address: str, count: int, arches: Sequence[str], say: Say) -> NoReturn:
    """Keep `count` workers of a scheduler alive, each a process that runs one batch at a time.

    They share the memory that is available now. Raises HostError when the scheduler is gone, or if a
    worker ends at once again and again.
    """
    interface = require_scheduler(address)
    with ExitStack() as stack:
        scratch = stack.enter_context(open_scratch(_SCRATCH))
        stems = stack.enter_context(Stems(_settings(scratch)))
        names = [*software(), *(f"{ARCH}{arch}" for arch in arches)]
        has = [f"{MEMORY}={host.available_memory_mib() // count}", *(f"{name}=1" for name in names)]
        workers = []
        for number in range(1, count + 1):
            name = f"{os.getpid()}-{number}"
            argv = [*_ENGINE, "worker", address, interface, name, ",".join(has)]
            workers.append(_Worker(argv, name, scratch / f"{name}.log"))
            stack.callback(workers[-1].end)
            workers[-1].begin()
        while True:
            asking, _, _ = select.select([worker for worker in workers if worker.may_ask], [], [], _LOOK_S)
            for worker in asking:
                worker.may_ask = stems.answer(worker.name, worker.socket)
            for worker in workers:
                worker.look(address, say)
            stems.look()


class _Worker:
    """A worker's process; a new one replaces it when it ends."""

    def __init__(self, argv: Sequence[str], name: str, log: Path) -> None:
        self._argv, self.name, self._log = argv, name, log
        self._stack = ExitStack()
        self._young = 0
        #: for its requests, and whether there can be more of them
        self.socket: socket.socket
        self.may_ask = False

    def fileno(self) -> int:
        """Return the descriptor that select(2) waits for."""
        return self.socket.fileno()

    def begin(self) -> None:
        """Start it."""
        self._began = time.monotonic()
        ours, theirs = open_pair()
        self.socket, self.may_ask = self._stack.enter_context(ours), True
        with theirs, self._log.open("wb") as errors:
            self._child = self._stack.enter_context(
                process.start(
                    [*self._argv, str(theirs.fileno())],
                    stderr=errors.fileno(),
                    env=_settings(self._log.parent),
                    pass_fds=(theirs.fileno(),),
                )
            )

    def end(self) -> None:
        """End it."""
        self._stack.close()

    def look(self, address: str, say: Say) -> None:
        """Start it again if it has ended. Raises HostError if it ends at once again and again."""
        status = self._child.poll()
        if status is None:
            return
        if status == GONE:
            raise HostError(f"the farm at {address} is gone")
        self._young = self._young + 1 if time.monotonic() - self._began < _YOUNG_S else 0
        if self._young == _TOO_OFTEN:
            raise HostError(f"a worker ended {_TOO_OFTEN} times as soon as it began", output=_tail(self._log))
        say(f"worker {self.name} ended with status {status}: starting it again")
        self.end()
        self.begin()


def _settings(scratch: Path) -> dict[str, str]:
    """Return the environment of a process: Dask is quiet, and leaves nothing but in `scratch`."""
    settings = {"DASK_LOGGING__DISTRIBUTED": "error", "DASK_TEMPORARY_DIRECTORY": str(scratch)}
    if sys.dont_write_bytecode:
        # as in many containers: the pytest of each batch would compile our plugin again, for up to a second
        settings |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(scratch / "compiled")}
    return settings


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
