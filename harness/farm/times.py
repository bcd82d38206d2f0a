"""How long tests took in earlier sessions: a session may have run a few of them only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.report.cases import key_of
from rustbed.report.results import load_results
from rustbed.report.shard import Key, recorded_times

# earlier sessions that are read, at most: the newest
_MOST = 5


def find_times(tests: Sequence[str], known: Mapping[Key, float]) -> dict[str, float]:
    """Return seconds by pytest's id, of the tests that have known times."""
    keys = {test: key_of(test) for test in tests}
    return {test: known[key] for test, key in keys.items() if key in known}


def load_times(session: Path, tests: Sequence[str]) -> dict[str, float]:
    """Return the newest time of each test, in seconds, from the results of sessions beside this one's."""
    # their names begin with the time
    earlier = sorted(
        (path for path in session.parent.glob("2*/junit.xml") if path.parent != session), reverse=True
    )
    found: dict[str, float] = {}
    for junit in earlier[:_MOST]:
        # an unreadable one is skipped
        with suppress(UsageError):
            found = {**find_times(tests, recorded_times(load_results([junit]))), **found}
        if len(found) == len(tests):
            break
    return found
