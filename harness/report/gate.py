"""The gate: compares two sets of results, and returns a list of changes and an exit status.

Owns which changes are regressions, and which results cannot be judged. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from rustbed.report.cases import SUITE
from rustbed.report.changes import GREY, Change, Finding, find_changes
from rustbed.report.history import History
from rustbed.report.known import KnownIssue, find_wrong
from rustbed.report.namesakes import Namesakes, pair
from rustbed.report.past import Past
from rustbed.report.result import Result
from rustbed.report.results import Results
from rustbed.report.sizes import find_growth
from rustbed.report.verdict import Outcome

# a test counts as slower only if it takes at least this many seconds longer; less is noise of the host
FLOOR_S = 1.0


_REGRESSIONS = frozenset({Change.NEW_FAILURE, Change.SLOWER, Change.GROWN})
# kinds of changes whose tests are looked up in earlier runs
_OF_HISTORY = frozenset(
    {Change.NEW_FAILURE, Change.STILL_FAILING, Change.FIXED, Change.KNOWN, Change.NOT_JUDGED}
)
_UNJUDGED = frozenset({Change.VANISHED, Change.NEWLY_SKIPPED, Change.NOT_JUDGED, Change.KNOWN_ISSUE_WRONG})
_ORDER = {change: rank for rank, change in enumerate(Change)}
# I/N of --shard
_SHARD = re.compile(r"[1-9]\d{0,3}/[1-9]\d{0,3}")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The result of the gate."""

    # in the order in which they are shown
    findings: tuple[Finding, ...]
    # number of tests in the old and new results, times architectures
    old: int
    new: int
    # number of tests that passed in both
    steady: int

    @property
    def status(self) -> int:
        """0: no worse than the baseline; 1: a regression; 2: cannot be judged, but no regression was seen."""
        changes = {finding.change for finding in self.findings}
        if changes & _REGRESSIONS:
            return 1
        return 2 if changes & _UNJUDGED else 0

    def count(self, change: Change) -> int:
        """Return the number of findings of a kind."""
        return sum(finding.change is change for finding in self.findings)


def compare(
    old: Results,
    new: Results,
    *,
    known: Sequence[KnownIssue] = (),
    today: date,
    slower: float | None = None,
    floor_s: float = FLOOR_S,
    growth: float | None = None,
    history: History | None = None,
    flake_days: int | None = None,
) -> Comparison:
    """Return what changed from the old results to the new ones.

    A test that passed in both is a regression if it became slower by the factor `slower` and by
    `floor_s` seconds; None: times are not compared. A module is one if it grew by more than `growth`
    percent. Known issues expire relative to `today`.
    `history` has earlier runs. A failure that is flaky in them is expected for `flake_days` days after its
    first occurrence; None: never.
    """
    findings = [*_not_whole("the baseline", old), *_not_whole("the new results", new)]
    befores, afters = _tests(old), _tests(new)
    # which tests were running when a session was cut short is unknown
    cut_short = len(afters) < len(new.cases)
    steady = 0
    groups = pair(befores, afters)
    for group in groups:
        judged = find_changes(group, known=known, today=today, cut_short=cut_short)
        if not judged and group.is_clear and group.befores and group.afters:
            judged = _slower(group.befores[0], group.afters[0], slower, floor_s)
        if not judged:
            steady += _steady(group)
        for finding in judged:
            past = history.find(group, finding.result) if history and finding.result else None
            findings.append(_named(_with_past(finding, past, today, flake_days), group))
    afters = [result for group in groups for result in group.afters]
    everything = [*(result for group in groups for result in group.befores), *afters]
    for issue, why in find_wrong(known, afters, today, tests=everything):
        where = f"{issue.file}:{issue.line}"
        findings.append(Finding(change=Change.KNOWN_ISSUE_WRONG, test=where, title=why, known=(issue,)))
    for grown in find_growth(befores, afters, growth) if growth is not None else ():
        findings.append(Finding(change=Change.GROWN, test=grown.module, arch=grown.arch, title=grown.title))
    findings.sort(key=lambda found: (_ORDER[found.change], found.test, found.arch))
    return Comparison(findings=tuple(findings), old=len(befores), new=len(afters), steady=steady)


def _tests(results: Results) -> list[Result]:
    """Return the results of tests, without those of our sessions themselves."""
    return [result for result in results.cases if result.classname != SUITE]


def _named(finding: Finding, group: Namesakes) -> Finding:
    """Return a finding with the configuration in its test's name, if there are several."""
    return replace(finding, test=f"{finding.test} ({group.variant})") if group.variant else finding


def _with_past(finding: Finding, past: Past | None, today: date, flake_days: int | None) -> Finding:
    """Return a finding with a note about earlier runs, which may make a failure an expected one."""
    if past is None or finding.result is None or finding.change not in _OF_HISTORY:
        return finding
    result = finding.result
    finding = replace(finding, past=past, note=past.render(is_red=result.is_red))
    if finding.change is not Change.NEW_FAILURE or flake_days is None or past.flaky_since is None:
        return finding
    why_not = past.why_not_expected(result, today, flake_days)
    if why_not:
        return replace(finding, note=f"{finding.note}, not expected: {why_not}")
    until = f"{finding.note}, expected until {past.flaky_since + timedelta(days=flake_days)}"
    return replace(finding, change=Change.EXPECTED_FLAKE, note=until)


def _steady(group: Namesakes) -> int:
    """Return the number of tests of one name that passed in both runs."""
    return min(_count(group.befores, Outcome.PASS), _count(group.afters, Outcome.PASS))


def _count(results: Sequence[Result], outcome: Outcome) -> int:
    return sum(result.outcome is outcome for result in results)


def _not_whole(whose: str, results: Results) -> Iterator[Finding]:
    """Yield findings about incomplete results."""

    def finding(title: str, result: Result | None = None) -> Finding:
        return Finding(change=Change.NOT_JUDGED, test=whose, title=title, result=result)

    tests = _tests(results)
    for result in results.cases:
        if result.classname == SUITE:
            yield finding(f"{result.message} ({result.source})", result)
    if not tests:
        yield finding("have no tests")
    elif all(result.outcome in (*GREY, Outcome.ERROR) for result in tests):
        yield finding("have no test that ran: all were skipped")
    for title in _missing_shards(results):
        yield finding(title)


def _missing_shards(results: Results) -> Iterator[str]:
    """Yield problems with results of `--shard I/N`: all parts must be there, and from the same plan."""
    parts: dict[str, set[str]] = {}
    for suite in results.suites.values():
        if shard := suite.get("shard"):
            parts.setdefault(suite.get("shard_plan", ""), set()).add(shard)
    if len(parts) > 1:
        yield f"come from {len(parts)} different divisions into shards: same tests, same durations needed"
    for found in parts.values():
        if strange := sorted(shard for shard in found if not _SHARD.fullmatch(shard)):
            yield f"have an invalid shard: {strange[0]}"
            continue
        count = int(next(iter(found)).partition("/")[2])
        if missing := [part for n in range(1, count + 1) if (part := f"{n}/{count}") not in found]:
            yield f"lack shard {', '.join(missing)}"


def _slower(before: Result, after: Result, factor: float | None, floor_s: float) -> tuple[Finding, ...]:
    if factor is None or before.seconds is None or after.seconds is None:
        return ()
    if before.outcome is not Outcome.PASS or after.outcome is not Outcome.PASS:
        return ()
    if after.seconds <= before.seconds * factor or after.seconds - before.seconds < floor_s:
        return ()
    times = f"{after.seconds:.1f} s instead of {before.seconds:.1f} s"
    ratio = f", {after.seconds / before.seconds:.1f} times" if before.seconds else ""
    slow = Finding(change=Change.SLOWER, test=after.test, arch=after.arch, title=times + ratio, result=after)
    return (slow,)
