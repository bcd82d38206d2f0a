"""Lists runs that can be reproduced, one line each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from rustbed import runfiles
from rustbed.errors import UsageError, render_facts, suggest
from rustbed.progress import plural
from rustbed.report.cases import GOOD
from rustbed.report.results import load_results

# a message names this many other sessions
_SHOWN = 3


def list_runs(session: Path, *, everything: bool) -> Iterator[str]:
    """Yield a line for each red run of a session (or for all, if `everything`), or advice if there are none.

    Raises UsageError for a directory that does not exist, or is neither a session nor a run.
    """
    if not session.is_dir():
        raise UsageError(f"there are no results in {session}", fix=f"{suggest('test')}, or name a session")
    found = _find_runs(session)
    listed = found if everything else _red(found)
    yield from (f"{outcome:<6} {path.parent}  {reason}" for path, outcome, reason in listed)
    if not listed:
        yield _explain_none(session, len(found))


def _find_runs(session: Path) -> list[tuple[Path, str, str]]:
    """Return verdict file, outcome and reason of each run below a directory, or of the directory itself."""
    paths = sorted({*session.glob(runfiles.VERDICT), *session.glob(f"*/{runfiles.VERDICT}")})
    return [(path, *_read(path)) for path in paths]


def _red(found: Sequence[tuple[Path, str, str]]) -> list[tuple[Path, str, str]]:
    return [run for run in found if run[1] not in GOOD]


def _explain_none(session: Path, count: int) -> str:
    """Render why none of `count` runs is red, and which other sessions have red runs.

    Raises UsageError for a directory that is neither a session nor a run.
    """
    where = session.parent / session.readlink() if session.is_symlink() else session
    is_session = (where / runfiles.JUNIT).is_file()
    others = "\n".join(_sessions_with_red(where))
    if not count and not is_session:
        raise UsageError(f"{where} is neither a session nor a run", **{"sessions with red runs": others})
    facts = {
        "red without a machine": "\n".join(_red_without_machine(where)) if is_session else "",
        "green runs": suggest(f"repro list --all {shlex.quote(str(session))}") if count else "",
        "other sessions": others,
    }
    why = f"red runs in {where}: {plural(count, 'run')}, all green"
    none = f"runs in {where}: none of its tests had a machine"
    return render_facts(f"no {why if count else none}", list(facts.items()))


def _red_without_machine(session: Path) -> Iterator[str]:
    """Yield the tests that failed without a machine. They have no run directory."""
    for case in load_results([session / runfiles.JUNIT]).cases:
        if case.outcome not in GOOD and "run_directory" not in case.properties:
            yield f"{case.file}::{case.label or case.name}: {case.title}"


def _sessions_with_red(session: Path) -> Iterator[str]:
    """Yield the newest sessions with red runs, of those beside `session` or in it."""
    others = [path for path in _sessions_near(session) if path.resolve() != session.resolve()]
    counted = ((path, len(_red(_find_runs(path)))) for path in others)
    red = (f"{path}  {plural(count, 'red run')}" for path, count in counted if count)
    yield from islice(red, _SHOWN)


def _sessions_near(session: Path) -> list[Path]:
    """Return the sessions in the same directory and in this one, newest first."""
    places = (session.parent, session)
    found = {junit.parent for place in places for junit in place.glob(f"*/{runfiles.JUNIT}")}
    return sorted((path for path in found if not path.is_symlink()), reverse=True)


def _read(path: Path) -> tuple[str, str]:
    try:
        facts = json.loads(path.read_text())
        return str(facts["outcome"]), str(facts["reason"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        return "?", f"cannot be read: {error}"
