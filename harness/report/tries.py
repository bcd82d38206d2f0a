"""Joins several cases of one test, in a suite of pytest, that a plugin ran again.

pytest-rerunfailures writes a case for each
try, and a failed try looks like a passed one. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rustbed.report.result import Result
from rustbed.report.verdict import GRAVITY, Outcome

# pytest's default name of its suite
SUITE = "pytest"


def join_tries(cases: Sequence[Result]) -> list[Result]:
    """Return one result for each test of a suite that pytest wrote; a test that was run again is red.

    If all tests occur equally often, several workers ran all of them (`--dist each`), and all are kept.
    """
    tests: dict[tuple[str, str], list[Result]] = {}
    for case in cases:
        tests.setdefault((case.classname, case.label), []).append(case)
    if len(tests) > 1 and len({len(tries) for tries in tests.values()}) == 1:
        return [*cases]
    return [_join(tries) for tries in tests.values()]


def _join(tries: Sequence[Result]) -> Result:
    """Return the gravest of the tries; if none is red, the last one as a failure."""
    gravest = min(tries, key=lambda each: GRAVITY[each.outcome])
    if len(tries) == 1 or gravest.is_red:
        return gravest
    message = f"red {len(tries) - 1} of {len(tries)}: it was run again until it passed"
    return replace(tries[-1], outcome=Outcome.FAIL, message=message)
