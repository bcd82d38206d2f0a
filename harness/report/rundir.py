"""Run directories: one per session, and in it one per test, with fixed file names.

Owns the layout of evidence, and the removal of old evidence. Other modules write
the files; only verdict.json is written here, as LOST until there is
a verdict.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rustbed import runfiles
from rustbed.cache import remove_tree, write_atomically
from rustbed.errors import HostError
from rustbed.escape import render_json
from rustbed.procfs import is_there
from rustbed.report.verdict import BEGUN, MachineReport, Outcome, Verdict

# UTC time of the start, pid, and a number if one process opens several sessions in a second
_SESSION = re.compile(r"\d{8}T\d{6}Z-(?P<pid>\d+)(?:\.\d+)?")

# most characters of a test's name in its directory's name; file systems allow 255 bytes
_NAME_LENGTH = 120


def name_session(base: Path, now: datetime | None = None) -> Path:
    """Return an unused path in `base` for a session, without creating it; `now` is the current time."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    number, path = 1, base / f"{stamp}-{os.getpid()}"
    while path.exists():
        number += 1
        path = base / f"{stamp}-{os.getpid()}.{number}"
    return path


def open_session(base: Path, now: datetime | None = None) -> Path:
    """Make a new session's directory in `base` and return it; see `name_session` and `make_session`."""
    session = name_session(base, now)
    make_session(session)
    return session


def make_session(session: Path) -> None:
    """Make a session's directory, unless another process of the session has, and point `latest` at it.

    Raises HostError if nothing can be written there.
    """
    base = session.parent
    with kept(base, fix="--results=DIR"):
        session.mkdir(parents=True, exist_ok=True)
        _point(base / runfiles.LATEST, session.name)


@contextmanager
def kept(directory: Path, **facts: object) -> Iterator[None]:
    """Turn an OSError, such as of a full disk, into a HostError with `facts`: `directory` is not writable."""
    try:
        yield
    except OSError as error:
        raise HostError(f"cannot write results to {directory}: {error.strerror}", **facts) from error


def _make_unique(parent: Path, name: str, separator: str) -> Path:
    """Make a directory called `name`, with a number appended if the name is taken."""
    parent.mkdir(parents=True, exist_ok=True)
    number, candidate = 1, parent / name
    while True:
        try:
            candidate.mkdir()
        except FileExistsError:
            number += 1
            candidate = parent / f"{name}{separator}{number}"
        else:
            return candidate


def _point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` in one step."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    try:
        temporary.replace(link)
    except OSError as error:
        temporary.unlink()
        raise HostError(
            f"{link} is not a symbolic link and cannot be replaced: {error.strerror}",
            fix=shlex.join(("rm", "-r", str(link))),
        ) from error


def remove_old_sessions(current: Path, keep: int = 20) -> None:
    """Remove the oldest sessions beside `current` beyond `keep`, except it and sessions that still run.

    Directories with other names are kept. Removing takes seconds on a busy disk, so a session
    does it after its summary.
    """
    sessions = sorted(
        path
        for path in current.parent.iterdir()
        if _SESSION.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )
    for path in sessions[: -max(1, keep)]:
        if path != current and not _is_running(path.name):
            # another session may remove it at the same time
            with suppress(FileNotFoundError):
                remove_tree(path)


def _is_running(session: str) -> bool:
    """Whether the process in a session's name exists; its pid may have been reused."""
    match = _SESSION.fullmatch(session)
    return match is not None and is_there(int(match["pid"]))


def run_dir(session: Path, nodeid: str) -> Path:
    """Make the directory of one test's run, with a verdict.json that says LOST, and return it.

    Its name is made of the test's id, with a hash if another test has that name, and a number if the
    same test runs again.
    """
    name = _file_name(nodeid)
    path = session / name
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        digest = hashlib.sha256(nodeid.encode(errors="surrogatepass")).hexdigest()[:8]
        path = _make_unique(session, f"{name}-{digest}", "-")
    write_verdict(path / runfiles.VERDICT, BEGUN, test=nodeid)
    return path


def _file_name(nodeid: str) -> str:
    """Return the readable part of a test id: test_a-test_b-arm64 of tests/test_a.py::test_b[arm64]."""
    path, _, rest = nodeid.partition("::")
    words = re.sub(r"[^A-Za-z0-9._+]+", "-", f"{Path(path).stem} {rest}").strip("-.")
    return words[:_NAME_LENGTH] or "test"


def write_verdict(
    path: Path, verdict: Verdict, machines: Sequence[MachineReport] = (), *, test: str = ""
) -> None:
    """Write a verdict and the facts of its machines to `path`, a run directory's verdict.json."""
    document = {
        "test": test,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "fingerprints": list(verdict.fingerprints),
        "splats": [asdict(splat) for splat in verdict.splats],
        "missing": [asdict(wanted) for wanted in verdict.missing],
        "machines": [_machine_facts(machine, path.parent) for machine in machines],
    }
    write_atomically(path, render_json(document))


def find_lost(session: Path, test: str) -> tuple[Path, str] | None:
    """Return the newest run directory in which a test is lost, and the reason, "" if unknown."""
    paths = sorted(session.glob(f"*/{runfiles.VERDICT}"), key=lambda path: path.stat().st_mtime)
    for path in reversed(paths):
        # an unreadable directory is skipped
        with suppress(OSError, ValueError, LookupError, TypeError):
            told = json.loads(path.read_text(encoding="utf-8"))
            if (told["test"], told["outcome"]) == (test, Outcome.LOST):
                return path.parent, "" if told["reason"] == BEGUN.reason else str(told["reason"])
    return None


def _machine_facts(machine: MachineReport, directory: Path) -> dict[str, object]:
    """Return the facts of a machine for verdict.json; its records have files of their own."""
    return {
        # directory of those files: "." for the test's first machine
        "directory": os.path.relpath(machine.run_dir, directory),
        "arch": machine.arch,
        "release": machine.release,
        "accel": machine.accel,
        "boot_ms": machine.boot_ms,
        "kernel_began": machine.kernel_began,
        "ended": machine.ended,
        "reason": machine.reason,
        "hang": machine.hang,
        "taints": list(machine.taints),
        "splats": [asdict(splat) for splat in machine.splats],
    }


def keep_source(directory: Path, source: Path) -> None:
    """Copy the file of a test to its run directory, because it may be edited later."""
    kept = directory / runfiles.SOURCE
    kept.mkdir(exist_ok=True)
    # a test that was generated has no file
    with suppress(FileNotFoundError):
        shutil.copyfile(source, kept / source.name)


def is_evidence(path: Path) -> bool:
    """Whether a path is a session's directory, a link to the latest, or a test kept in a run directory."""
    if path.name == runfiles.LATEST and path.is_symlink():
        path = path.readlink()
    is_session = _SESSION.fullmatch(path.name) is not None
    return is_session or (path.name == runfiles.SOURCE and (path.parent / runfiles.VERDICT).is_file())
