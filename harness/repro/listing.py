"""What there is to reproduce: run directories, one line each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rustbed import runfiles
from rustbed.errors import UsageError, suggest
from rustbed.report.verdict import Outcome, Verdict

_GREEN = tuple(outcome for outcome in Outcome if not Verdict(outcome=outcome, reason="").is_red)


def list_runs(session: Path, *, everything: bool) -> Iterator[str]:
    """Yield a line for each red run of a session (each of all, if `everything`), and one if there is none.

    Raises UsageError if there is no such session.
    """
    if not session.is_dir():
        raise UsageError(f"there are no results in {session}", fix=f"{suggest('test')}, or name a session")
    found = 0
    for path in sorted({*session.glob(runfiles.VERDICT), *session.glob(f"*/{runfiles.VERDICT}")}):
        outcome, reason = _read(path)
        if everything or outcome not in _GREEN:
            found += 1
            yield f"{outcome:<6} {path.parent}  {reason}"
    if not found:
        yield f"no {'runs' if everything else 'red runs'} in {session}"


def _read(path: Path) -> tuple[str, str]:
    try:
        facts = json.loads(path.read_text())
        return str(facts["outcome"]), str(facts["reason"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        return "?", f"cannot be read: {error}"
