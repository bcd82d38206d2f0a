"""Reads run directories for a comparison: of one test, or of a session.

harness/report/difference.py compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rustbed import runfiles
from rustbed.errors import UsageError
from rustbed.report.difference import (
    Ran,
    comparable_answers,
    comparable_records,
    comparable_trace,
    name_test,
)

# the compared files of a machine, and their parsers
_OF_MACHINES: tuple[tuple[str, str, Callable[[str], tuple[str, ...]]], ...] = (
    ("answers", runfiles.SHELL, comparable_answers),
    ("records", runfiles.KERNEL, comparable_records),
)


# the runs of an architecture, by the test's name without it
Runs = dict[str, Ran]


def load_runs(path: Path) -> dict[str, Runs]:
    """Return the runs below a run directory or a session's, by architecture.

    Raises UsageError if there are none, and if one is damaged.
    """
    if not path.is_dir():
        raise UsageError(f"there is no directory {path}", wanted="a run directory, or that of a session")
    verdicts = sorted({*path.glob(runfiles.VERDICT), *path.glob(f"*/{runfiles.VERDICT}")})
    found: dict[str, Runs] = {}
    for verdict in verdicts:
        if (ran := _load_run(verdict)) is not None:
            found.setdefault(ran.arch, {})[ran.test] = ran
    if not found:
        raise UsageError(f"no run of a test with a machine in {path}")
    return found


def choose_runs(found: dict[str, Runs], path: Path, arch: str) -> Runs:
    """Return the runs of one of the architectures in a directory; of the only one if `arch` is "".

    Raises UsageError if there are none, or if there are several and `arch` does not choose one.
    """
    if arch and arch not in found:
        raise UsageError(f"no run on {arch} in {path}", there=", ".join(sorted(found)))
    if not arch and len(found) > 1:
        raise UsageError(
            f"runs on several architectures in {path}: {', '.join(sorted(found))}", fix="--arch LEFT,RIGHT"
        )
    return found[arch or next(iter(found))]


def _load_run(verdict: Path) -> Ran | None:
    """Return the run in a run directory, None if its test had no machine. Raises UsageError."""
    directory = verdict.parent
    try:
        facts = json.loads(verdict.read_text())
        machines = [(str(machine["directory"]), str(machine["arch"])) for machine in facts["machines"]]
        parts: dict[str, tuple[str, ...]] = {"outcome": (str(facts["outcome"]),)}
        test, excuse = str(facts["test"]), str(facts.get("reason", ""))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"cannot read {verdict}: {error}") from error
    if not machines:
        return None
    for name, _ in machines:
        title = "" if name == "." else f"{name}: "
        for part, file, read in _OF_MACHINES:
            parts[f"{title}{part}"] = read(_read_text(directory / name / file))
        for trace in sorted((directory / name).glob(f"*{runfiles.TRACE}")):
            parts[f"{title}{trace.name}"] = comparable_trace(_read_text(trace))
    arch = machines[0][1]
    return Ran(test=name_test(test, arch), arch=arch, parts=parts, excuse=excuse)


def _read_text(path: Path) -> str:
    """Return the text of a file, "" if the machine did not write one. Raises UsageError."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
