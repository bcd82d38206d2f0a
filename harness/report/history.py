"""The results of each test in earlier runs.

Owns which files are earlier runs and when each ran. Keeps only the requested tests, so that any number of
runs can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from rustbed.report.namesakes import Namesakes, arch_of, find_facets
from rustbed.report.past import Past, Ran, failures_of
from rustbed.report.result import Result
from rustbed.report.results import find_files, load_file
from rustbed.report.verdict import Outcome

Name = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A test in an earlier run."""

    ran: Ran
    arch: str
    facets: dict[str, str]
    when: datetime


@dataclass(frozen=True, kw_only=True)
class History:
    """The results of tests in earlier runs."""

    # the day of the first run; None without runs
    begins: date | None = None
    # by class and name
    seen: dict[Name, list[_Seen]] = field(default_factory=dict)

    def find(self, group: Namesakes, result: Result) -> Past:
        """Return the past of a result, of its own architecture and configuration."""
        runs = sorted(
            (
                seen
                for seen in self.seen.get((result.classname, result.name), ())
                if seen.arch in (result.arch, "") and _fits(seen.facets, group.facets)
            ),
            key=lambda seen: seen.when,
        )
        return Past(runs=tuple(seen.ran for seen in runs), begins=self.begins)


def _fits(facets: dict[str, str], wanted: Sequence[tuple[str, str]]) -> bool:
    """Whether facets belong to a configuration, ignoring directories above that of the run."""
    return all(
        facets.get(name, "") == value
        for name, value in wanted
        if name.startswith("path -") or name[:5] != "path "
    )


def load_history(paths: Iterable[Path], *, names: set[Name], without: Iterable[Path] = ()) -> History:
    """Return the past of some tests from files, and the *.xml below directories. Raises UsageError.

    `without` are the results to be judged, which are skipped if they are among these files.
    """
    judged = {path.resolve() for path, _ in find_files(without)}
    seen: dict[Name, list[_Seen]] = {}
    begins = None
    for path, place in find_files(paths):
        if path.resolve() in judged:
            continue
        cases, _ = load_file(path)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        for result in cases:
            when = _when(result.started) or written
            begins = min(begins or when, when)
            name = result.classname, result.name
            if name in names and (ran := _ran(result, when)):
                found = _Seen(
                    ran=ran, arch=arch_of(result, place), facets=find_facets(result, place), when=when
                )
                seen.setdefault(name, []).append(found)
    return History(begins=begins.date() if begins else None, seen=seen)


def _ran(result: Result, when: datetime) -> Ran | None:
    """Return a test's result in an earlier run, None if the test had no verdict there."""
    if result.is_red:
        return Ran(day=when.date(), is_red=True, failures=failures_of(result))
    return Ran(day=when.date(), is_red=False) if result.outcome is Outcome.PASS else None


def _when(started: str) -> datetime | None:
    """Return when a suite began, in UTC if it gives no zone; None if it gives no time."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def red_names(cases: Iterable[Result]) -> Iterator[Name]:
    """Yield class and name of tests that are red."""
    return ((result.classname, result.name) for result in cases if result.is_red)
