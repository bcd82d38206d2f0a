"""The only door to Dask distributed: a scheduler, a worker, and a client's view of both.

Only jobs are sent, as text. Results are written where the job says. So it does not matter when a worker
dies, or which of its results the scheduler knows. Only commands and options of the farm import this.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rustbed.cache import Cache, default_root
from rustbed.errors import HostError, UsageError, suggest
from rustbed.farm.address import ANSWER_S, TLS, require_scheduler, uses_tls
from rustbed.farm.batches import ARCH, KVM, Needs
from rustbed.farm.key import require_key
from rustbed.farm.pool import FarmGoneError
from rustbed.farm.running import run_job
from rustbed.farm.warm import Warm
from rustbed.kvm import proven_arches

try:
    import dask
    import distributed
except ImportError as error:
    raise UsageError(
        "a farm needs distributed, which is not installed", fix="pip install 'rustbed[farm]'"
    ) from error

# exit status of a worker whose scheduler is out of reach
GONE = 4
# seconds between looks for a proof that KVM works, and at a worker's own status
_LOOK_S, _STATUS_S = 2.0, 0.5

_SETTINGS = {
    # rustbed/farm/pool.py decides which tests run again, and where
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # it would measure Python code that only waits for pytest
    "distributed.worker.profile.enabled": False,
    "distributed.admin.low-level-log-length": 0,
    # an event loop without work is not measured 50 times a second, and its host not twice
    "distributed.admin.tick.interval": "5s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.comm.timeouts.connect": f"{ANSWER_S:.0f}s",
}


def _security(is_tls: bool) -> Any:
    """Return the key that connections need and show."""
    if not is_tls:
        return distributed.security.Security()
    key = str(require_key())
    roles = ("scheduler", "worker", "client")
    shown = {f"tls_{role}_{part}": key for role in roles for part in ("cert", "key")}
    return distributed.security.Security(tls_ca_file=key, require_encryption=True, **shown)


def serve_scheduler(protocol: str, interface: str, port: int) -> None:
    """Run a scheduler on this host until killed, and print its address. `port` may be 0."""
    asyncio.run(_serve_scheduler(protocol, interface, port))


async def _serve_scheduler(protocol: str, interface: str, port: int) -> None:
    with dask.config.set(_SETTINGS):
        try:
            scheduler = await distributed.Scheduler(
                host=interface,
                port=port,
                protocol=protocol,
                security=_security(protocol == TLS),
                dashboard=False,
            )
        except RuntimeError as error:
            # "failed to start"; its cause says why
            sys.exit(str(error.__cause__ or error))
        sys.stdout.write(f"{scheduler.address}\n")
        sys.stdout.flush()
        await scheduler.finished()


def serve_worker(address: str, interface: str, name: str, has: Mapping[str, float], stems: int) -> None:
    """Run a worker with one job at a time. Never returns: the process ends with status GONE.

    `stems` is the descriptor of its socket to `rustbed.farm.stems.Stems`.
    """
    asyncio.run(_serve_worker(address, interface, name, has, Warm(socket.socket(fileno=stems))))


async def _serve_worker(
    address: str, interface: str, name: str, has: Mapping[str, float], warm: Warm
) -> None:
    with dask.config.set(_SETTINGS):
        try:
            worker = await distributed.Worker(
                address,
                name=name,
                nthreads=1,
                resources=dict(has),
                host=interface,
                security=_security(uses_tls(address)),
                dashboard=False,
                memory_limit=0,
                death_timeout=ANSWER_S,
            )
        except (OSError, TimeoutError):
            os._exit(GONE)
        worker.rustbed_warm = warm
        look = asyncio.create_task(_advertise_kvm(worker, has))
        while worker.status in (distributed.Status.running, distributed.Status.paused):
            await asyncio.sleep(_STATUS_S)
        look.cancel()
        # its thread may wait for a pytest, which dies with this process
        os._exit(GONE)


async def _advertise_kvm(worker: Any, has: Mapping[str, float]) -> None:
    """Offer KVM for an architecture as soon as a boot has proven it; that boot may be part of a batch."""
    cache = Cache(default_root())
    while True:
        proven = {f"{KVM}{arch}": 1.0 for arch in proven_arches(cache) if f"{ARCH}{arch}" in has}
        # Dask forgets what a running batch uses
        if proven.keys() - worker.state.total_resources.keys() and not worker.state.executing_count:
            await worker.set_resources(**proven)
        await asyncio.sleep(_LOOK_S)


def _run_wanted(job: str) -> None:
    """Run a job on a worker until it ends, or until no client wants its task any more."""
    worker = distributed.get_worker()
    task = worker.state.tasks[worker.get_current_task()]
    run_job(job, lambda: task.state == "executing", worker.rustbed_warm)


class _Task:
    """A job that the scheduler has."""

    def __init__(self, future: Any, farm: _Farm) -> None:
        self._future, self._farm = future, farm

    def poll(self) -> str | None:
        """Return None as long as it may run, "" when it has ended, else why its worker cannot say how.

        Raises FarmGoneError.
        """
        status = self._future.status
        if status == "pending":
            return None
        if status == "cancelled":
            # the client cancels tasks when its scheduler is gone, and reports that later
            raise self._farm.gone()
        if status != "error":
            return "" if status == "finished" else f"the scheduler has {status} it"
        error = self._future.exception(timeout=ANSWER_S)
        if isinstance(error, distributed.scheduler.KilledWorker):
            return "its worker was lost"
        return f"its worker failed: {type(error).__name__}: {error}"

    def cancel(self) -> None:
        """Do not start it any more, and end it if it runs."""
        self._future.release()


class _Farm:
    """A scheduler as a client sees it."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address

    def workers(self) -> list[Needs]:
        """Return what each worker has. Raises FarmGoneError."""
        self._require_running()
        try:
            known = self._client.sync(self._client.scheduler.identity, callback_timeout=ANSWER_S)
        except (OSError, TimeoutError) as error:
            raise self.gone() from error
        return [dict(worker["resources"]) for worker in known["workers"].values()]

    def submit(self, job: str, needs: Needs) -> _Task:
        """Let a worker that has what is needed run a job. Raises FarmGoneError."""
        self._require_running()
        # pure=False: two jobs with the same text are two tasks
        future = self._client.submit(_run_wanted, job, resources=dict(needs), pure=False, retries=0)
        return _Task(future, self)

    def _require_running(self) -> None:
        # a scheduler keeps its tasks in memory only: one that is started again has none of them
        if self._client.status != "running":
            raise self.gone()

    def gone(self) -> FarmGoneError:
        """Return what is raised when the scheduler is out of reach."""
        return FarmGoneError(f"the farm at {self._address} is gone")


@contextmanager
def connect(address: str) -> Iterator[_Farm]:
    """Yield the farm of a scheduler. Raises HostError if none answers."""
    require_scheduler(address)
    with dask.config.set(_SETTINGS):
        try:
            client = distributed.Client(
                address, security=_security(uses_tls(address)), timeout=ANSWER_S, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            raise HostError(f"no farm answers at {address}: {error}", fix=suggest("farm up")) from error
        try:
            yield _Farm(client, address)
        finally:
            # closing may be late on a busy host, or without a scheduler: the tests' results still count
            with suppress(TimeoutError):
                client.close(timeout=5)


def main(words: list[str]) -> None:
    """Run one of the processes that `rustbed farm up` starts.

    The words are `scheduler PROTOCOL INTERFACE PORT` or `worker ADDRESS INTERFACE NAME HAS STEMS`.
    """
    if words[0] == "scheduler":
        serve_scheduler(words[1], words[2], int(words[3]))
    else:
        pairs = (pair.rpartition("=") for pair in words[4].split(","))
        has = {name: float(amount) for name, _, amount in pairs}
        serve_worker(words[1], words[2], words[3], has, int(words[5]))


if __name__ == "__main__":
    main(sys.argv[1:])
