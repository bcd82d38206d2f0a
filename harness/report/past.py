"""How one test ended in earlier runs: how often it was red, and whether it comes and goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from rustbed.log.fingerprint import fingerprint
from rustbed.report.result import Result

# times that a test must have gone from red back to green: once is a bug that was fixed
_EPISODES = 2


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One earlier run in which the test passed or was red."""

    day: date
    is_red: bool
    # of its failures, as `failures_of` has them
    failures: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Past:
    """The earlier runs of one test, the oldest first."""

    runs: tuple[Ran, ...]
    # the first day of all runs of all tests; None without any
    begins: date | None = None

    @property
    def red(self) -> int:
        """In how many runs it was red."""
        return sum(run.is_red for run in self.runs)

    @property
    def flaky_since(self) -> date | None:
        """The day on which it first was red, if it comes and goes; None if it does not."""
        ends = sum(
            run.is_red and not after.is_red for run, after in zip(self.runs, self.runs[1:], strict=False)
        )
        return next(self._red_days()) if ends >= _EPISODES else None

    def render(self, *, is_red: bool) -> str:
        """Return one line; `is_red` is how it ended now."""
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
        """Return why a red result is news although the test is flaky, "" if it is expected."""
        since = self.flaky_since
        if since is None or self.begins is None:
            return "not known to come and go"
        if not any(failures_of(result) & run.failures for run in self.runs):
            return "it never failed like this"
        # when a flake began that is older than the runs that were kept is unknown
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
    """Return fingerprints of a red result, of its message if its producer has none."""
    return frozenset(result.fingerprints or (fingerprint("failure", result.message),))
