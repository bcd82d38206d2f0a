"""Processes of the host, for tests that look for what is left behind."""

from __future__ import annotations

from rustbed.procfs import process_state, thread_times


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie; one whose first thread is a zombie has others for a while."""
    return process_state(pid) not in ("", "Z") or len(thread_times(pid)) > 1
