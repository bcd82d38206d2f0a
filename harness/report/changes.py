"""The change of a test's result from one run to another.

Owns the rules for a regression of one test, and of results of one name that cannot be distinguished. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rustbed.report.known import KnownIssue, find_known
from rustbed.report.namesakes import Namesakes
from rustbed.report.past import Past
from rustbed.report.result import Result
from rustbed.report.suites import ITSELF
from rustbed.report.verdict import GRAVITY, Outcome

# outcomes of a test that did not run to a verdict of its own
GREY = (Outcome.SKIP, Outcome.XFAIL)


class Change(StrEnum):
    """Kinds of changes, in the order in which they are shown."""

    NEW_FAILURE = "new failure"
    SLOWER = "slower"
    GROWN = "grown"
    VANISHED = "vanished"
    NEWLY_SKIPPED = "newly skipped"
    NOT_JUDGED = "not judged"
    KNOWN_ISSUE_WRONG = "known issue wrong"
    KNOWN = "known"
    EXPECTED_FLAKE = "expected flake"
    STILL_FAILING = "still failing"
    FIXED = "fixed"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the gate's report."""

    change: Change
    # the test; for an entry of a known-issues file, its place in the file
    test: str
    arch: str = ""
    # one line: the splat's title, the message, what is missing
    title: str = ""
    # the new result; the old one if there is no new one
    result: Result | None = None
    known: tuple[KnownIssue, ...] = ()
    # its results in earlier runs, None if none were given; and one line about them
    past: Past | None = None
    note: str = ""


def find_changes(
    group: Namesakes, *, known: Sequence[KnownIssue], today: date, cut_short: bool
) -> tuple[Finding, ...]:
    """Return the findings about a test; `cut_short` if the new run is incomplete."""
    if not group.is_clear:
        return tuple(_unclear(group, known=known, today=today, cut_short=cut_short))
    before, after = (next(iter(side), None) for side in (group.befores, group.afters))
    found = _changed(before, after, known=known, today=today, cut_short=cut_short)
    return () if found is None else (found,)


def _changed(
    before: Result | None,
    after: Result | None,
    *,
    known: Sequence[KnownIssue],
    today: date,
    cut_short: bool,
) -> Finding | None:
    """Return the change of a test's result, None if the report need not mention it."""
    if after is None:
        assert before is not None
        if before.name == ITSELF and before.outcome is Outcome.ERROR:
            return None
        return _finding(Change.VANISHED, before, f"was {before.outcome}: {before.title}")
    if _is_not_judged(after, [before] if before else [], cut_short=cut_short):
        return _finding(Change.NOT_JUDGED, after, after.title)
    if after.is_red:
        issues = find_known(after, known, today)
        return _finding(Change.KNOWN, after, after.title, issues) if issues else _red(before, after)
    if before is None or Outcome.ERROR in (before.outcome, after.outcome):
        return None
    return _not_red(before, after)


def _is_not_judged(after: Result, befores: Sequence[Result], *, cut_short: bool) -> bool:
    """Whether a result is not evidence about the test."""
    if after.outcome is not Outcome.ERROR:
        return after.outcome is Outcome.LOST and cut_short
    # some producers write counts that never match their cases: such an error is in every run
    return after.name != ITSELF or all(before.outcome is not Outcome.ERROR for before in befores)


def _not_red(before: Result, after: Result) -> Finding | None:
    """Return the finding about a test that passed, was skipped, or failed as declared."""
    if after.outcome is Outcome.PASS:
        was_red = before.is_red or before.outcome is Outcome.XFAIL
        return _finding(Change.FIXED, after, f"was {before.outcome}: {before.title}") if was_red else None
    if before.is_red and after.outcome is Outcome.XFAIL:
        return _finding(Change.STILL_FAILING, after, f"declared: {after.title}")
    # an expected failure says more about the driver than a skipped test
    if before.outcome is Outcome.SKIP or before.outcome is after.outcome:
        return None
    return _finding(Change.NEWLY_SKIPPED, after, f"{after.outcome}, was {before.outcome}: {after.title}")


def _red(before: Result | None, after: Result) -> Finding:
    """Return the finding about a red test; a new splat makes it a new failure."""
    if before is None:
        return _finding(Change.NEW_FAILURE, after, f"{after.title} (a new test)")
    if not before.is_red:
        return _finding(Change.NEW_FAILURE, after, after.title)
    fresh = set(after.fingerprints) - set(before.fingerprints)
    # without a splat the fingerprint is of a message, which may vary
    if after.splats and fresh and before.fingerprints:
        return _finding(Change.NEW_FAILURE, after, f"{after.title} (failed otherwise before: {before.title})")
    return _finding(Change.STILL_FAILING, after, after.title)


def _unclear(
    group: Namesakes, *, known: Sequence[KnownIssue], today: date, cut_short: bool
) -> Iterator[Finding]:
    """Yield the findings about indistinguishable results of one name that follow from their numbers alone."""
    befores, afters = group.befores, group.afters
    if len(afters) < len(befores):
        missing = f"was there {_times(befores)}, is there {_times(afters)}; unclear which is missing"
        yield _finding(Change.VANISHED, befores[0], missing)
    for after in afters:
        if _is_not_judged(after, befores, cut_short=cut_short):
            yield _finding(Change.NOT_JUDGED, after, after.title)
    reds = [after for after in afters if after.is_red]
    unknown = [after for after in reds if not find_known(after, known, today)]
    if unknown:
        yield _unclear_red(befores, afters, min(unknown, key=lambda after: GRAVITY[after.outcome]))
    elif reds:
        yield _finding(Change.KNOWN, reds[0], reds[0].title, find_known(reds[0], known, today))
    elif any(before.is_red for before in befores):
        yield _finding(Change.FIXED, befores[0], f"was {_red_of(befores)}")
    if _greys(afters) > _greys(befores) and befores:
        yield _finding(Change.NEWLY_SKIPPED, afters[0], f"{_greys(afters)} of {len(afters)} did not run")


def _unclear_red(befores: Sequence[Result], afters: Sequence[Result], worst: Result) -> Finding:
    """Return the finding about red results among indistinguishable ones: more red ones are a regression."""
    old, new = (sum(result.is_red for result in side) for side in (befores, afters))
    counts = f"{worst.title} ({_red_of(afters)}, {_red_of(befores)} before)"
    if new > old:
        return _finding(Change.NEW_FAILURE, worst, counts)
    before = {each for result in befores for each in result.fingerprints}
    if new == len(afters) and old == len(befores):
        fresh = any(after.splats and set(after.fingerprints) - before for after in afters)
        return _finding(Change.NEW_FAILURE if fresh and before else Change.STILL_FAILING, worst, counts)
    return _finding(
        Change.NOT_JUDGED,
        worst,
        f"{counts}: nothing tells which is which; name its configurations, or compare one",
    )


def _times(results: Sequence[Result]) -> str:
    return f"{len(results)} time{'s' if len(results) != 1 else ''}"


def _red_of(results: Sequence[Result]) -> str:
    return f"red {sum(result.is_red for result in results)} of {len(results)}"


def _greys(results: Sequence[Result]) -> int:
    return sum(result.outcome in GREY for result in results)


def _finding(change: Change, result: Result, title: str, known: tuple[KnownIssue, ...] = ()) -> Finding:
    return Finding(change=change, test=result.test, arch=result.arch, title=title, result=result, known=known)
