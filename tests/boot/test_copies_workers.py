"""Servers and copies in the workers of xdist: what is left of them when the session is ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.forks.ledger import Ledger
from rustbed.prepare import Choices, Platform
from rustbed.procfs import born
from tests.boot.pytest_runs import pytest_argv, start
from tests.claims import claims
from tests.processes import descendants, is_running, wait_until

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("x86_64")

Session = subprocess.Popen[bytes]

# how a session is ended: without its controller workers end in order; Ctrl-C at a terminal reaches them, too
ENDS: dict[str, Callable[[Session], None]] = {
    "killed": lambda session: session.send_signal(signal.SIGKILL),
    "all killed": lambda session: os.killpg(session.pid, signal.SIGKILL),
    "interrupted": lambda session: session.send_signal(signal.SIGINT),
    "ctrl-c": lambda session: os.killpg(session.pid, signal.SIGINT),
}


def claimants(cache: Cache) -> set[tuple[int, int]]:
    """Return the processes with claims in the ledger's file: their numbers and when they were started."""
    return {(claim["pid"], claim["born"]) for claim in claims(cache.root)}


def waiting(session: Session, ready: Path) -> list[list[int]]:
    """Wait until the last test of both workers waits, and return the processes that each has named."""
    wait_until(lambda: len(list(ready.glob("gw?"))) == 2 or session.poll() is not None, "both wait", 300)
    return [[int(word) for word in path.read_text().split()] for path in ready.glob("gw?")]


@pytest.fixture
def argv(request: pytest.FixtureRequest, arch: Arch, platform: Platform, tmp_path: Path) -> list[str]:
    """Return the command line of a session that has two workers with copies."""
    words = "--forks", "hot", "-n", "2", "--dist", "loadscope"
    return pytest_argv(request.config, "scene_workers.py", arch, tmp_path / "results", *words)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_session_that_is_ended_leaves_nothing_of_its_workers(
    argv: list[str], choices: Choices, tmp_path: Path, end: Callable[[Session], None]
) -> None:
    ready, scratch = tmp_path / "ready", tmp_path / "scratch"
    ready.mkdir()
    scratch.mkdir()
    with start(argv, SCENE_READY=str(ready), TMPDIR=str(scratch)) as session:
        try:
            named = waiting(session, ready)
            # of each worker: itself, its server, its test's machine, and a copy of that
            assert [len(each) for each in named] == [4, 4]
            pids = descendants(session.pid)
            assert set(pids) == {pid for each in named for pid in each}
            workers = {(worker, born(worker)) for worker, *_ in named}
            assert workers <= claimants(choices.cache)
            end(session)
            session.wait(300)
            wait_until(lambda: not any(map(is_running, pids)), "none of them runs")
        finally:
            session.kill()
    # entering a claim takes out those of ended processes; this one never has to wait for memory
    with Ledger(choices.cache, lambda: 1 << 30).claim(1):
        assert not workers & claimants(choices.cache)
    assert list(scratch.iterdir()) == []
