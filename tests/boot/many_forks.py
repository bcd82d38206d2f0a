"""Machines that a process wants at once or one after the other; for test_queue.py, in several processes."""

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


def session(path: Path, room_mib: int) -> Machines:
    """Return a session that wants one machine, with its cache below `path` and that much memory."""
    cache = Cache(path / "cache")
    machines = Machines(cache, ignore, ledger=Ledger(cache, available_mib=lambda: room_mib))
    machines.foretell = lambda: None
    return machines


def run_sessions(spec: MachineSpec, qemu: Qemu, path: Path, room_mib: int, numbers: range) -> list[str]:
    """Return how the machines of as many sessions came about, or what went wrong."""

    def one(number: int) -> str:
        with session(path, room_mib) as machines:
            return run_one(machines, spec, qemu, path, number)

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(one, numbers))


def run_session(spec: MachineSpec, qemu: Qemu, path: Path, room_mib: int, numbers: range) -> list[str]:
    """Return how the machines of one session, which expects more of them, came about, or what went wrong."""
    with session(path, room_mib) as machines:
        machines.foretell = None
        machines.count_ahead = lambda: len(numbers)
        return list(map(partial(run_one, machines, spec, qemu, path), numbers))


def run_one(machines: Machines, spec: MachineSpec, qemu: Qemu, path: Path, number: int) -> str:
    """Return what a machine is counted as, or what went wrong."""
    before = machines.counts.copy()
    with machines.machine(spec, qemu, path / f"run-{number}", slowness=4) as vm:
        said = vm.check(f"echo {number} >/tmp/{number}; ls /tmp")
    return ", ".join(sorted(machines.counts - before)) if said == str(number) else f"{number} said {said}"
