"""The counts and verdicts of a suite itself in a results file.

Owns the check of a suite against its cases, because incomplete results look like good ones. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rustbed.progress import plural
from rustbed.report.result import Result
from rustbed.report.tries import SUITE
from rustbed.report.verdict import GRAVITY, Outcome

# the name of a suite's own result
ITSELF = "(suite)"
# words of verdicts, in lower-case letters only: gtest, ctest, Qt, Katalon, Jenkins, DejaGnu, NUnit, Tast
_SAID = {
    **dict.fromkeys(("notrun", "skip", "skipped", "disabled", "suppressed", "ignored"), Outcome.SKIP),
    **dict.fromkeys(("fail", "failed", "failure", "error", "errored", "broken", "xpass"), Outcome.FAIL),
    **dict.fromkeys(("timeout", "timedout", "aborted", "crash", "crashed", "incomplete"), Outcome.FAIL),
    **dict.fromkeys(("notok", "regression", "unresolved", "panic", "oops", "hang", "hung"), Outcome.FAIL),
    **dict.fromkeys(("killed", "terminated", "interrupted", "cancelled", "canceled"), Outcome.FAIL),
    **dict.fromkeys(("inconclusive", "pending", "untested", "blocked"), Outcome.SKIP),
    "xfail": Outcome.XFAIL,
}
_LETTERS = re.compile(r"[^a-z]+")
# attributes and properties with such a word, in lower case
_TELLING = frozenset({"status", "result", "outcome", "verdict", "test_status", "test_result"})


@dataclass(kw_only=True)
class Suite:
    """A testsuite that is being parsed."""

    name: str
    # counts in its attributes: failures and errors, tests, tests that did not run
    counted: int = 0
    tests: int = 0
    unrun: int = 0
    # number of results before it
    first: int = 0
    # counts of its cases: all, those that did not run, and failure elements
    cases: int = 0
    grey: int = 0
    red: int = 0
    # its `timestamp`
    started: str = ""
    # the message of the suite's own failure; None without one
    failure: str | None = None
    # whether its attributes say that it failed
    failed: bool = False
    # properties of all cases below it
    properties: dict[str, str] = field(default_factory=dict)


def said_by(words: Mapping[str, str]) -> Outcome:
    """Return the outcome in the words of attributes or properties; PASS if there are none.

    `outcome` with a word of our own does not count here.
    """
    own = set(Outcome)
    told = (word for name, word in words.items() if name.lower() in _TELLING)
    strange = (word for word in told if words.get("outcome") != word or word not in own)
    said = (_SAID.get(_LETTERS.sub("", word.lower()), Outcome.PASS) for word in strange)
    return min(said, key=gravity, default=Outcome.PASS)


def gravity(outcome: Outcome) -> int:
    """Return a rank; the gravest has the lowest. Any verdict outweighs a missing one."""
    return GRAVITY[Outcome.SKIP] + 1 if outcome is Outcome.PASS else GRAVITY[outcome]


def count_case(suite: Suite, case: Result, failures: int) -> None:
    """Count a case of a suite or of a nested suite, and its failure elements."""
    suite.cases += 1
    suite.grey += case.outcome in (Outcome.SKIP, Outcome.XFAIL)
    suite.red += max(1, failures) if case.is_red or case.outcome is Outcome.ERROR else 0


def judge_suite(suite: Suite) -> tuple[Outcome, str] | None:
    """Return outcome and message of a suite's own result, None if it adds nothing to its cases.

    A suite that failed outside of its cases is FAIL; one with contradictory counts is ERROR.
    """
    if suite.failure is not None:
        return Outcome.FAIL, suite.failure
    counts = f"the suite counts {suite.counted} failures or errors"
    if suite.counted > 0 and suite.red == 0:
        return Outcome.FAIL, f"{counts}, and no case shows one"
    if suite.red == 0 and (suite.failed or said_by(suite.properties) is Outcome.FAIL):
        return Outcome.FAIL, "the suite says that it failed, and no case shows it"
    if suite.counted > suite.red:
        return Outcome.ERROR, f"{counts}, and its cases show {suite.red}"
    if _missing(suite) > 0:
        return (
            Outcome.ERROR,
            f"the suite counts {plural(suite.tests, 'test')} and has {suite.cases}: was it cut short?",
        )
    return None


def count_judged(outer: Suite, suite: Suite, outcome: Outcome) -> None:
    """Count, in the outer suite, the missing results of a nested one."""
    outer.cases += max(0, _missing(suite))
    outer.red += max(outcome is Outcome.FAIL, suite.counted - suite.red, 0)


def _missing(suite: Suite) -> int:
    """Return how many counted tests have no case; tests that did not run need none."""
    if suite.name == SUITE:
        # pytest writes its results after all tests, and counts subtests, which have no case
        return 0
    return suite.tests - suite.cases - max(0, suite.unrun - suite.grey)
