"""One test's results in earlier runs: how often it was red, and whether it is flaky. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from rustbed.log.fingerprint import fingerprint
from rustbed.report.result import Result

# a test is flaky if it went from red back to green this often; once is a bug that was fixed
_EPISODES = 2


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One earlier run in which the test passed or was red."""

    day: date
    is_red: bool
    # the keys of its failures: see `failures_of`
    failures: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Past:
    """The earlier runs of one test, the oldest first."""

    runs: tuple[Ran, ...]
    # the day of the first run of any test; None without runs
    begins: date | None = None

    @property
    def red(self) -> int:
        """The number of runs in which it was red."""
        return sum(run.is_red for run in self.runs)

    @property
    def flaky_since(self) -> date | None:
        """The first day on which a flaky test was red; None if it is not flaky."""
        ends = sum(
            run.is_red and not after.is_red for run, after in zip(self.runs, self.runs[1:], strict=False)
        )
        return next(self._red_days()) if ends >= _EPISODES else None

    def render(self, *, is_red: bool) -> str:
        """Render one line; `is_red`: the test is red now."""
        if not self.runs:
            return "no earlier run"
        counts = f"{self.red} of {len(self.runs)} before"
        if since := self.flaky_since:
            return f"flaky since {since}, red {counts}"
        if not self.red:
            return f"red, {counts}" if is_red else f"red {counts}"
        if self.runs[-1].is_red:
            return f"red since {self._last_episode()}, {counts}"
        return f"red {counts}, last on {list(self._red_days())[-1]}"

    def why_not_expected(self, result: Result, today: date, days: int) -> str:
        """Return why a red result of a flaky test is not expected, "" if it is."""
        since = self.flaky_since
        if since is None or self.begins is None:
            return "not known to come and go"
        if not any(failures_of(result) & run.failures for run in self.runs):
            return "it never failed like this"
        # a flake may have begun before the earliest run that was kept
        if (reach := (today - self.begins).days) < days:
            return f"earlier runs reach back {reach} days, {days} are needed to know since when"
        end = since + timedelta(days=days)
        return f"that ended on {end}" if end < today else ""

    def _red_days(self) -> Iterator[date]:
        return (run.day for run in self.runs if run.is_red)

    def _last_episode(self) -> date:
        """Return the first day of the red runs at the end."""
        day = self.runs[-1].day
        for run in reversed(self.runs):
            if not run.is_red:
                break
            day = run.day
        return day


def failures_of(result: Result) -> frozenset[str]:
    """Return the fingerprints of a red result, or one of its message if the producer has none."""
    return frozenset(result.fingerprints or (fingerprint("failure", result.message),))
