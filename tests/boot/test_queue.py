"""More machines than memory, all real: they queue."""

from __future__ import annotations

import json
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.forks.counts import FORKED
from rustbed.forks.ledger import HEADROOM_MIB
from rustbed.host import QEMU_OVERHEAD_MIB
from rustbed.machine.spec import Hardware
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import prepare
from rustbed.progress import ignore
from tests.boot.many_forks import SESSIONS, run_sessions, session

_PROCESSES = 4
# machines that there is memory for, and the least that this kernel boots with, in MiB
_ROOM, _SMALL = 6, 40


def emulators(cache: Path) -> int:
    """Return how many processes of this host have been given a file below `cache`."""
    found = 0
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += str(cache).encode() in process.read_bytes()
        except OSError:
            # it ended
            continue
    return found


@pytest.mark.arches("x86_64")
def test_two_hundred_forks_that_are_wanted_at_once_queue(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # spawned processes look for this package where we do; pytest found it in a way of its own
    monkeypatch.syspath_prepend(request.config.rootpath)
    platform = prepare(arch, read_choices(given(request.config)), ignore)
    spec, qemu = replace(platform.spec(), hardware=Hardware(memory_mib=_SMALL)), platform.qemu
    room_mib = HEADROOM_MIB + _ROOM * (_SMALL + QEMU_OVERHEAD_MIB)
    with session(tmp_path, room_mib) as machines, machines.machine(spec, qemu, tmp_path / "first"):
        assert machines.counts == {FORKED: 1}

    alive: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            alive.append(emulators(tmp_path / "cache"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        # spawned: a fork of this process would have its threads' locks and not its threads
        with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool:
            parts = [
                pool.submit(run_sessions, spec, qemu, tmp_path, room_mib, first)
                for first in range(0, _PROCESSES * SESSIONS, SESSIONS)
            ]
            ways = [way for part in parts for way in part.result()]
    finally:
        over.set()
        watcher.join()
    assert ways == [FORKED] * 200
    assert 1 < max(alive) <= _ROOM
    assert emulators(tmp_path / "cache") == 0
    assert json.loads((tmp_path / "cache/locks/machines.json").read_text()) == []
    assert list((tmp_path / "cache").rglob(".*")) == []
