"""What a suite of a results file says of itself: how many tests it ran, and whether it failed.

Owns when that contradicts its cases: results that are not all there look like good ones. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rustbed.progress import plural
from rustbed.report.result import Result
from rustbed.report.tries import SUITE
from rustbed.report.verdict import GRAVITY, Outcome

# the name of a result that is of a suite itself, and of none of its cases
ITSELF = "(suite)"
# words of verdicts, in small letters alone: gtest, ctest, Qt, Katalon, Jenkins, DejaGnu
_SAID = {
    **dict.fromkeys(("notrun", "skip", "skipped", "disabled", "suppressed", "ignored"), Outcome.SKIP),
    **dict.fromkeys(("fail", "failed", "failure", "error", "errored", "broken", "xpass"), Outcome.FAIL),
    **dict.fromkeys(("timeout", "timedout", "aborted", "crash", "crashed", "incomplete"), Outcome.FAIL),
    **dict.fromkeys(("notok", "regression", "unresolved"), Outcome.FAIL),
    "xfail": Outcome.XFAIL,
}
_LETTERS = re.compile(r"[^a-z]+")
# attributes and properties that hold such a word, in small letters
_TELLING = frozenset({"status", "result", "outcome", "verdict", "test_status", "test_result"})


@dataclass(kw_only=True)
class Suite:
    """A testsuite that is open."""

    name: str
    # what its attributes count: failures and errors, tests, tests that did not run
    counted: int = 0
    tests: int = 0
    unrun: int = 0
    # how many results were read before it
    first: int = 0
    # what its cases show: all, those that did not run, and elements of failures
    cases: int = 0
    grey: int = 0
    red: int = 0
    # its `timestamp`
    started: str = ""
    # the message of a failure that is its own and no case's; None: it has none
    failure: str | None = None
    # whether its attributes say that it failed
    failed: bool = False
    # of all cases below it
    properties: dict[str, str] = field(default_factory=dict)


def said_by(words: Mapping[str, str]) -> Outcome:
    """Return what attributes or properties say of a test in words; PASS if they do not say anything.

    `outcome` with a word of our own does not count here.
    """
    own = set(Outcome)
    told = (word for name, word in words.items() if name.lower() in _TELLING)
    strange = (word for word in told if words.get("outcome") != word or word not in own)
    said = (_SAID.get(_LETTERS.sub("", word.lower()), Outcome.PASS) for word in strange)
    return min(said, key=gravity, default=Outcome.PASS)


def gravity(outcome: Outcome) -> int:
    """Return a rank, the gravest lowest; what was said of a test outweighs that nothing was."""
    return GRAVITY[Outcome.SKIP] + 1 if outcome is Outcome.PASS else GRAVITY[outcome]


def count_case(suite: Suite, case: Result, failures: int) -> None:
    """Take a case of a suite, or of one inside it, with its number of elements of failures."""
    suite.cases += 1
    suite.grey += case.outcome in (Outcome.SKIP, Outcome.XFAIL)
    suite.red += max(1, failures) if case.is_red or case.outcome is Outcome.ERROR else 0


def judge_suite(suite: Suite) -> tuple[Outcome, str] | None:
    """Return outcome and message of a suite itself, None if its cases are all there is.

    A suite that failed outside of its cases is FAIL, one whose numbers do not add up ERROR.
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
    """Take into account, in a suite, what was found missing in one inside it."""
    outer.cases += max(0, _missing(suite))
    outer.red += max(outcome is Outcome.FAIL, suite.counted - suite.red, 0)


def _missing(suite: Suite) -> int:
    """Return how many tests are counted and not there; those that did not run need not be."""
    if suite.name == SUITE:
        # pytest writes its results when all tests are over, and counts subtests that have no case
        return 0
    return suite.tests - suite.cases - max(0, suite.unrun - suite.grey)
