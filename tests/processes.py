"""Processes of the host, for tests that look for what is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rustbed.procfs import process_state, thread_times


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
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
    found = []
    for entry in Path("/proc").iterdir():
        # one that has ended meanwhile is none
        with suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found += [int(entry.name)] if int(fields[1]) == parent and fields[0] != "Z" else []
    return found
