"""Processes of the host, for tests that look for what is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rustbed.procfs import process_state, thread_times


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Return when a condition holds; pytest.fail if that takes longer: no known bug is mistaken for it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie; one whose first thread is a zombie has others for a while."""
    return process_state(pid) not in ("", "Z") or len(thread_times(pid)) > 1


def parent(pid: int) -> int:
    """Return the process that a process is a child of."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children(parent: int) -> list[int]:
    """Return the processes that a process has started and that run."""
    return [pid for pid, fields in _running() if int(fields[1]) == parent]


def descendants(ancestor: int) -> list[int]:
    """Return the processes that a process has started, those that they have started, and so on."""
    return [pid for child in children(ancestor) for pid in (child, *descendants(child))]


def in_session(leader: int) -> list[int]:
    """Return the processes that run in a session, its leader among them."""
    return [pid for pid, fields in _running() if int(fields[3]) == leader]


def _running() -> Iterator[tuple[int, list[str]]]:
    """Yield each process that runs, and what stat says of it from its state on: proc(5)."""
    for entry in Path("/proc").iterdir():
        # one that has ended meanwhile does not run
        with suppress(OSError):
            if entry.name.isdigit() and is_running(pid := int(entry.name)):
                yield pid, (entry / "stat").read_text().rpartition(")")[2].split()
