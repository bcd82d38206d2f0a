"""Bisection: which kernel of a row to try next, and what the trials show.

The row is in order; the user says that its first kernel is good and its last bad.
Pure: does not know how kernels are built or tests run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from rustbed.errors import UsageError


class Result(StrEnum):
    """The result of trying one kernel."""

    GOOD = "good"
    BAD = "bad"
    # red in some runs: bad, and the rate says how many runs prove a kernel good
    WEAK = "weak"
    # no answer: it did not build or boot, or the test did not run
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One kernel, tried."""

    result: Result
    # how many of the runs were red
    red: int
    runs: int
    # title of the failure, or why it could not be tried
    reason: str
    # where the runs' files are
    evidence: str = ""
    # that the trial took, building the kernel included
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return the trial as a line of the report."""
        count = f" ({self.red} of {self.runs})" if self.result is Result.WEAK else ""
        return f"{self.result}{count}" + (f": {self.reason}" if self.reason else "")


def classify(outcomes: Sequence[bool | None]) -> tuple[Result, int, int]:
    """Return the result of several runs, how many were red, and of how many; None if there was no answer."""
    told = [red for red in outcomes if red is not None]
    red = sum(told)
    if not told:
        return Result.SKIP, 0, 0
    if red == 0:
        # a good kernel needs an answer from every run: a run without one may have been red
        return (Result.GOOD if len(told) == len(outcomes) else Result.SKIP), 0, len(told)
    return (Result.BAD if red == len(told) else Result.WEAK), red, len(told)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The indices of a row's last good kernel and the first bad one after it."""

    good: int
    bad: int

    def inside(self) -> range:
        """Return the indices that may be the first bad one besides `bad`."""
        return range(self.good + 1, self.bad)


def find_bounds(row: Sequence[str], trials: Mapping[str, Trial]) -> Bounds:
    """Return the narrowest bounds: the first bad kernel found so far, and the last good one before it."""
    bad = next(
        (
            index
            for index, kernel in enumerate(row)
            if kernel in trials and trials[kernel].result in (Result.BAD, Result.WEAK)
        ),
        len(row) - 1,
    )
    good = max(
        (
            index
            for index, kernel in enumerate(row[:bad])
            if kernel in trials and trials[kernel].result is Result.GOOD
        ),
        default=0,
    )
    return Bounds(good=good, bad=bad)


def choose_next(row: Sequence[str], trials: Mapping[str, Trial], at_once: int = 1) -> tuple[str, ...]:
    """Return the kernels to try next, at most `at_once`; none if no kernel is left.

    The ends come first, the bad one before the good one: a bisection between
    ends that are not what they are said to be finds nothing. Then it is those that
    divide what was not tried evenly, the middle if it is one.
    """
    if check_ends(row, trials) is not None:
        return ()
    if ends := tuple(end for end in (row[-1], row[0]) if end not in trials):
        return ends[:at_once]
    untried = _untried(row, trials)
    count, parts = len(untried), at_once + 1
    chosen = {(count * part - 1) // parts for part in range(1, parts)} if untried else set()
    return tuple(untried[index] for index in sorted(chosen))


def count_left(row: Sequence[str], trials: Mapping[str, Trial], at_once: int = 1) -> int:
    """Return the largest number of kernels left to try, if each trial has an answer."""
    count = sum(end not in trials for end in (row[0], row[-1]))
    left = len(_untried(row, trials))
    while left:
        count += min(at_once, left)
        # the largest part between the tried kernels
        left //= at_once + 1
    return count


def _untried(row: Sequence[str], trials: Mapping[str, Trial]) -> list[str]:
    """Return the kernels between the bounds that were not tried."""
    return [row[index] for index in find_bounds(row, trials).inside() if row[index] not in trials]


def check_ends(row: Sequence[str], trials: Mapping[str, Trial]) -> str | None:
    """Return what is wrong with the ends of a row that were tried; None if nothing is."""
    for kernel, wanted in ((row[-1], (Result.BAD, Result.WEAK)), (row[0], (Result.GOOD,))):
        if kernel in trials and trials[kernel].result not in wanted:
            return f"{kernel} was expected to be {wanted[0]}, but is {trials[kernel]}"
    return None


def culprits(row: Sequence[str], trials: Mapping[str, Trial]) -> tuple[str, ...]:
    """Return the kernels of which one is the first bad one: several if kernels before it had no answer."""
    bounds = find_bounds(row, trials)
    return tuple(row[bounds.good + 1 : bounds.bad + 1])


# -- the state between two sessions ----------------------------------------------------


def render_state(question: Mapping[str, object], trials: Mapping[str, Trial]) -> str:
    """Render a state file: the question and the trials."""
    return json.dumps(
        {"question": dict(question), "trials": {kernel: asdict(trial) for kernel, trial in trials.items()}},
        indent=1,
    )


def parse_state(text: str, question: Mapping[str, object], name: str) -> dict[str, Trial]:
    """Return the trials of the state file called `name`.

    Raises UsageError if it is damaged or belongs to another bisection.
    """
    try:
        facts = json.loads(text)
        asked = facts["question"]
        trials = {
            str(kernel): Trial(**{**trial, "result": Result(trial["result"])})
            for kernel, trial in facts["trials"].items()
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{name} is not the state of a bisection: {error}", fix="remove it") from error
    if asked != dict(question):
        differing = sorted(key for key in {*asked, *question} if asked.get(key) != question.get(key))
        raise UsageError(
            f"{name} belongs to another bisection",
            differs=", ".join(differing),
            fix="--directory DIR, or remove it",
        )
    return trials
