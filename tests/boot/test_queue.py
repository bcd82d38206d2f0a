"""More machines than memory, all real: they queue."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.ledger import HEADROOM_MIB
from rustbed.host import QEMU_OVERHEAD_MIB, Qemu
from rustbed.machine.spec import Hardware, MachineSpec
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import prepare
from rustbed.progress import ignore
from tests.boot.copied import copy_template, require_copies
from tests.boot.many_forks import run_one, run_session, run_sessions, session
from tests.claims import claims
from tests.processes import wait_until

pytestmark = pytest.mark.arches("x86_64")

_PROCESSES = 4
# machines that there is memory for, and the least that this kernel boots with, in MiB
_ROOM, _SMALL = 6, 40
_MACHINE_MIB = _SMALL + QEMU_OVERHEAD_MIB
_ROOM_MIB = HEADROOM_MIB + _ROOM * _MACHINE_MIB


def divide(count: int) -> list[range]:
    """Return the numbers of machines that each process wants, so many in all."""
    each = count // _PROCESSES
    return [range(first, first + each) for first in range(0, count, each)]


@dataclass(frozen=True)
class Watched:
    """What was seen of all machines of a cache, again and again."""

    cache: Path
    # processes, and the memory that they claim in MiB
    alive: list[int] = field(default_factory=list)
    claimed: list[int] = field(default_factory=list)

    def look(self) -> None:
        # those that are there at both looks were there at once; of two at one look the first may have ended
        self.alive.append(len(emulators(self.cache) & emulators(self.cache)))
        self.claimed.append(sum(claim["mib"] for claim in claims(self.cache)))

    def is_empty(self) -> bool:
        """Return whether there is nothing at the end."""
        self.look()
        return (self.alive[-1], self.claimed[-1], list(self.cache.rglob(".*"))) == (0, 0, [])


def emulators(cache: Path) -> set[str]:
    """Return the numbers of this host's processes that have been given a file below `cache`."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        # one that has ended has none
        with suppress(OSError):
            if str(cache).encode() in process.read_bytes():
                found.add(process.parent.name)
    return found


@contextmanager
def watching(cache: Path) -> Iterator[Watched]:
    watched, over = Watched(cache), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            watched.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield watched
    finally:
        over.set()
        watcher.join()


@pytest.fixture
def forks() -> str:
    return "restored"


@pytest.fixture
def wanted(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path, forks: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[MachineSpec, Qemu]:
    """Return a machine whose template is in this test's cache."""
    # spawned processes look for this package where we do; pytest found it in a way of its own
    monkeypatch.syspath_prepend(request.config.rootpath)
    choices = replace(read_choices(given(request.config)), forks=forks)
    platform = prepare(arch, choices, ignore)
    if forks == "hot":
        require_copies(platform)
    spec = replace(platform.spec(), hardware=Hardware(memory_mib=_SMALL))
    copy_template(choices.cache, spec, platform.qemu, tmp_path)
    return spec, platform.qemu


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    # spawned: a fork of this process would have its threads' locks and not its threads
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as made:
        yield made


def test_two_hundred_forks_that_are_wanted_at_once_queue(
    wanted: tuple[MachineSpec, Qemu], pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    spec, qemu = wanted
    with session(tmp_path, _ROOM_MIB) as machines, machines.machine(spec, qemu, tmp_path / "first"):
        assert machines.counts == {FORKED: 1}
    with watching(tmp_path / "cache") as seen:
        parts = [pool.submit(run_sessions, spec, qemu, tmp_path, _ROOM_MIB, part) for part in divide(200)]
        ways = [way for part in parts for way in part.result()]
    assert ways == [FORKED] * 200
    assert 1 < max(seen.alive) <= _ROOM
    assert max(seen.claimed) <= _ROOM * _MACHINE_MIB
    assert seen.is_empty()


def wait_for(part: Future[list[str]], directory: Path) -> None:
    """Wait until a machine has its directory, or all is over."""
    wait_until(lambda: part.done() or directory.exists(), directory.name)


@pytest.mark.parametrize("forks", ["hot"])
def test_sessions_that_copy_machines_queue_with_others(
    wanted: tuple[MachineSpec, Qemu], pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    """Three sessions want twenty machines, one after the other, and another process then as many at once."""
    spec, qemu = wanted
    copied = f"{COPIED}, {FORKED}"
    with session(tmp_path, _ROOM_MIB) as machines:
        # the second one is checked, for all processes
        ways = [run_one(machines, spec, qemu, tmp_path, number) for number in (1000, 1001)]
        assert ways == [FORKED, copied]
    *many, last = divide(80)
    with watching(tmp_path / "cache") as seen:
        parts = [pool.submit(run_session, spec, qemu, tmp_path, _ROOM_MIB, part) for part in many]
        for numbers, part in zip(many, parts, strict=True):
            # until then nobody waits for memory, and a machine that is copied is ended for nobody
            wait_for(part, tmp_path / f"run-{numbers[5]}")
        parts.append(pool.submit(run_sessions, spec, qemu, tmp_path, _ROOM_MIB, last))
        ways = [way for part in parts for way in part.result()]
    assert len(ways) == 80
    assert set(ways) == {FORKED, copied}
    assert max(seen.claimed) <= _ROOM * _MACHINE_MIB
    # one that stands still to be copied claims nothing
    assert 1 < max(seen.alive) <= _ROOM + len(many)
    assert seen.is_empty()
