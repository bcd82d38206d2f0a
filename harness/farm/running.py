"""What a worker does with a job: pytest in a process of its own, which dies with the worker."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from rustbed.errors import HarnessError
from rustbed.farm.store import LOG, Job, claim, parse_job, write_ending
from rustbed.farm.warm import Warm

# pytest's exit statuses with which its reports are complete: passed, failed, no test left to run
_TOLD = (0, 1, 5)


def run_job(text: str, is_wanted: Callable[[], bool], warm: Warm) -> None:
    """Run a job that was sent as text, as long as it is wanted; its attempt's directory gets all results.

    Raises OSError if nothing can be written there, FileNotFoundError if this host does not have it.
    """
    job = parse_job(text)
    attempt = Path(job.attempt)
    if not attempt.is_dir():
        raise FileNotFoundError(
            f"{socket.gethostname()} has no {attempt}: the results of a session have to be on a file system"
            " that all hosts of its farm have at the same path"
        )
    if not claim(attempt):
        return
    try:
        told = _run(job, attempt, is_wanted, warm)
    except HarnessError as error:
        told = str(error)
    write_ending(attempt, told)


def _run(job: Job, attempt: Path, is_wanted: Callable[[], bool], warm: Warm) -> str:
    """Return "" if pytest ran the tests, else what it ended with."""
    with (attempt / LOG).open("ab") as log:
        status = warm.run(job, log.fileno(), is_wanted)
    if status is None:
        return "no session waits for it any more"
    if status in _TOLD:
        return ""
    ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"pytest {ended}{_last_error(attempt)}"


def _last_error(attempt: Path) -> str:
    """Return the last line of what pytest printed that says what is wrong, if there is one."""
    lines = (attempt / LOG).read_text(errors="replace").splitlines()
    found = [line.strip() for line in lines if line.startswith(("E  ", "ERROR", "INTERNALERROR"))]
    return f": {found[-1]}" if found else ""
