"""Processes of the host, for tests that look for what is left behind."""

from __future__ import annotations

from harness.machine.threads import process_state


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return process_state(pid) not in ("", "Z")
