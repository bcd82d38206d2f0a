"""The gate: two sets of results become a list of changes and an exit status.

Owns what counts as a regression and what cannot be judged. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rustbed.report.cases import SUITE
from rustbed.report.dialects import Result
from rustbed.report.known import KnownIssue, find_known, find_wrong
from rustbed.report.results import Results
from rustbed.report.verdict import Outcome

# seconds by which a test must at least be slower: less is the host's noise
FLOOR_S = 1.0


class Change(StrEnum):
    """What became of a test; the first listed is shown first."""

    NEW_FAILURE = "new failure"
    SLOWER = "slower"
    VANISHED = "vanished"
    NEWLY_SKIPPED = "newly skipped"
    NOT_JUDGED = "not judged"
    KNOWN_ISSUE_WRONG = "known issue wrong"
    KNOWN = "known"
    STILL_FAILING = "still failing"
    FIXED = "fixed"


_REGRESSIONS = frozenset({Change.NEW_FAILURE, Change.SLOWER})
_UNJUDGED = frozenset({Change.VANISHED, Change.NEWLY_SKIPPED, Change.NOT_JUDGED, Change.KNOWN_ISSUE_WRONG})
_ORDER = {change: rank for rank, change in enumerate(Change)}
# I/N of --shard
_SHARD = re.compile(r"[1-9]\d{0,3}/[1-9]\d{0,3}")
_GREY = (Outcome.SKIP, Outcome.XFAIL)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the gate's report."""

    change: Change
    # what it is about; of a known-issues file, its place
    test: str
    arch: str = ""
    # one line: the splat's title, the message, what is missing
    title: str = ""
    # as the new results have it, as the old ones do if it is not there any more
    result: Result | None = None
    known: tuple[KnownIssue, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the gate found."""

    # in the order in which they are shown
    findings: tuple[Finding, ...]
    # number of tests in the old and new results, times architectures
    old: int
    new: int
    # passed in both
    steady: int

    @property
    def status(self) -> int:
        """0: no worse than the baseline; 1: a regression; 2: cannot be judged, and none was seen."""
        changes = {finding.change for finding in self.findings}
        if changes & _REGRESSIONS:
            return 1
        return 2 if changes & _UNJUDGED else 0

    def count(self, change: Change) -> int:
        """Return how many findings are of a kind."""
        return sum(finding.change is change for finding in self.findings)


def compare(
    old: Results,
    new: Results,
    *,
    known: Sequence[KnownIssue] = (),
    today: date,
    slower: float | None = None,
    floor_s: float = FLOOR_S,
) -> Comparison:
    """Return what changed from the old results to the new ones.

    `slower` is the factor from which on a test that passed in both is a regression, if it took
    `floor_s` seconds longer too; None: times are not compared. `today` is when known issues expire.
    """
    findings = [*_not_whole("the baseline", old), *_not_whole("the new results", new)]
    befores, afters = _tests(old), _tests(new)
    # what was running when a session was cut short is unknown
    cut_short = len(afters) < len(new.tests)
    steady = 0
    for key in befores.keys() | afters.keys():
        before, after = befores.get(key), afters.get(key)
        finding = _changed(before, after, known=known, today=today, cut_short=cut_short)
        if finding is None and before is not None and after is not None:
            finding = _slower(before, after, slower, floor_s)
        if finding is not None:
            findings.append(finding)
        elif before is not None and after is not None:
            steady += before.outcome is after.outcome is Outcome.PASS
    everything = [*befores.values(), *afters.values()]
    for issue, why in find_wrong(known, list(afters.values()), today, tests=everything):
        where = f"{issue.file}:{issue.line}"
        findings.append(Finding(change=Change.KNOWN_ISSUE_WRONG, test=where, title=why, known=(issue,)))
    findings.sort(key=lambda found: (_ORDER[found.change], found.test, found.arch))
    return Comparison(findings=tuple(findings), old=len(befores), new=len(afters), steady=steady)


def _tests(results: Results) -> dict[tuple[str, str, str], Result]:
    """Return the results of tests: what our sessions say of themselves is none."""
    return {key: result for key, result in results.tests.items() if result.classname != SUITE}


def _not_whole(whose: str, results: Results) -> Iterator[Finding]:
    """Yield why results are not all there should be."""

    def finding(title: str, result: Result | None = None) -> Finding:
        return Finding(change=Change.NOT_JUDGED, test=whose, title=title, result=result)

    tests = _tests(results)
    for key in results.tests.keys() - tests.keys():
        result = results.tests[key]
        yield finding(f"{result.message} ({result.source})", result)
    if not tests:
        yield finding("have no tests")
    elif all(result.outcome in (*_GREY, Outcome.ERROR) for result in tests.values()):
        yield finding("have no test that ran: all were skipped")
    for title in _missing_shards(results):
        yield finding(title)


def _missing_shards(results: Results) -> Iterator[str]:
    """Yield what is wrong with results of `--shard I/N`: each part must be there, of one plan."""
    parts: dict[str, set[str]] = {}
    for suite in results.suites.values():
        if shard := suite.get("shard"):
            parts.setdefault(suite.get("shard_plan", ""), set()).add(shard)
    if len(parts) > 1:
        yield f"come from {len(parts)} different divisions into shards: same tests, same durations needed"
    for found in parts.values():
        if strange := sorted(shard for shard in found if not _SHARD.fullmatch(shard)):
            yield f"have a shard that is none: {strange[0]}"
            continue
        count = int(next(iter(found)).partition("/")[2])
        if missing := [part for n in range(1, count + 1) if (part := f"{n}/{count}") not in found]:
            yield f"lack shard {', '.join(missing)}"


def _changed(
    before: Result | None,
    after: Result | None,
    *,
    known: Sequence[KnownIssue],
    today: date,
    cut_short: bool,
) -> Finding | None:
    """Return what became of a test, None if nothing worth a line did."""
    if after is None:
        assert before is not None
        return _finding(Change.VANISHED, before, f"was {before.outcome}: {before.title}")
    if after.outcome is Outcome.ERROR or (after.outcome is Outcome.LOST and cut_short):
        return _finding(Change.NOT_JUDGED, after, after.title)
    if after.is_red:
        issues = find_known(after, known, today)
        return _finding(Change.KNOWN, after, after.title, issues) if issues else _red(before, after)
    if before is None or before.outcome is Outcome.ERROR:
        return None
    return _not_red(before, after)


def _not_red(before: Result, after: Result) -> Finding | None:
    """Return what to say of a test that passed, was skipped, or failed as it is declared to."""
    if after.outcome is Outcome.PASS:
        was_red = before.is_red or before.outcome is Outcome.XFAIL
        return _finding(Change.FIXED, after, f"was {before.outcome}: {before.title}") if was_red else None
    if before.is_red and after.outcome is Outcome.XFAIL:
        return _finding(Change.STILL_FAILING, after, f"declared: {after.title}")
    # a test that is expected to fail and does says more than one that is skipped
    if before.outcome is Outcome.SKIP or before.outcome is after.outcome:
        return None
    return _finding(Change.NEWLY_SKIPPED, after, f"{after.outcome}, was {before.outcome}: {after.title}")


def _red(before: Result | None, after: Result) -> Finding:
    """Return whether a red test is news: a splat that was not there before is."""
    if before is None:
        return _finding(Change.NEW_FAILURE, after, f"{after.title} (a new test)")
    if not before.is_red:
        return _finding(Change.NEW_FAILURE, after, after.title)
    fresh = set(after.fingerprints) - set(before.fingerprints)
    # without a splat the fingerprint is that of a message, which may vary
    if after.splats and fresh and before.fingerprints:
        return _finding(Change.NEW_FAILURE, after, f"{after.title} (failed otherwise before: {before.title})")
    return _finding(Change.STILL_FAILING, after, after.title)


def _slower(before: Result, after: Result, factor: float | None, floor_s: float) -> Finding | None:
    if factor is None or before.seconds is None or after.seconds is None:
        return None
    if before.outcome is not Outcome.PASS or after.outcome is not Outcome.PASS:
        return None
    if after.seconds <= before.seconds * factor or after.seconds - before.seconds < floor_s:
        return None
    times = f"{after.seconds:.1f} s instead of {before.seconds:.1f} s"
    ratio = f", {after.seconds / before.seconds:.1f} times" if before.seconds else ""
    return _finding(Change.SLOWER, after, times + ratio)


def _finding(change: Change, result: Result, title: str, known: tuple[KnownIssue, ...] = ()) -> Finding:
    return Finding(change=change, test=result.test, arch=result.arch, title=title, result=result, known=known)
