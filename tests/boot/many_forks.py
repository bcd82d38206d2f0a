"""Fifty sessions of one process, each of which wants one fork; for test_queue.py, in several processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rustbed.cache import Cache
from rustbed.forks.ledger import Ledger
from rustbed.forks.machines import Machines
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.progress import ignore

SESSIONS = 50


def session(path: Path, room_mib: int) -> Machines:
    """Return a session that wants one machine, with its cache below `path` and that much memory."""
    cache = Cache(path / "cache")
    machines = Machines(cache, ignore, ledger=Ledger(cache, available_mib=lambda: room_mib))
    machines.foretell = lambda: None
    return machines


def run_sessions(spec: MachineSpec, qemu: Qemu, path: Path, room_mib: int, first: int) -> list[str]:
    """Return how each machine came about, or what went wrong."""
    one = partial(_one, spec, qemu, path, room_mib)
    with ThreadPoolExecutor(SESSIONS) as pool:
        return list(pool.map(one, range(first, first + SESSIONS)))


def _one(spec: MachineSpec, qemu: Qemu, path: Path, room_mib: int, number: int) -> str:
    with (
        session(path, room_mib) as machines,
        machines.machine(spec, qemu, path / f"run-{number}", slowness=4) as vm,
    ):
        said = vm.check(f"echo {number}")
    (how,) = machines.counts
    return how if said == str(number) else f"{number} said {said}"
