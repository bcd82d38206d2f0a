"""Prints a splat that several tests hit once: the first test shows all of it, the others name that test.

Only the terminal's output at a session's end is shortened. The files of each test are complete.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rustbed.errors import render_facts
from rustbed.plugin.stash import DIRECTORY, is_worker
from rustbed.report.cases import FACTS, carried


@dataclass(frozen=True)
class _Shortened:
    """A failure that is printed as a few lines; pytest's short summary reads `reprcrash`."""

    text: str
    reprcrash: Any

    def toterminal(self, tw: Any) -> None:
        """Print it in pytest's own style."""
        tw.line(self.text)

    def __str__(self) -> str:
        return self.text


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None]:
    """Shorten repeated failures just before pytest prints them, except with -vv."""
    if not is_worker(config) and config.get_verbosity() < 2:
        _shorten_repeats(list(_printed(terminalreporter)), config)
    return (yield)


def _printed(terminal: Any) -> Iterator[pytest.TestReport]:
    """Yield the reports that pytest prints, in its order."""
    for category in ("error", "failed"):
        yield from (each for each in terminal.stats.get(category, ()) if isinstance(each, pytest.TestReport))


def _shorten_repeats(reports: list[pytest.TestReport], config: pytest.Config) -> None:
    first: dict[tuple[str, str], str] = {}
    for report in reports:
        facts = carried(report, FACTS)
        properties = dict(facts.get("properties", ()))
        # without a splat the last records are shown, which differ
        if not properties.get("splat") or not (explained := facts.get("explained")):
            continue
        shown = first.setdefault((properties["fingerprint"], facts["reason"]), report.nodeid)
        if shown != report.nodeid:
            run = config.stash[DIRECTORY] / properties["run_directory"]
            brief = render_facts(
                explained.partition("\n")[0], [("splat", f"as of {shown}, above"), ("run", run)]
            )
            _replace(report, explained, brief)


def _replace(report: pytest.TestReport, explained: str, brief: str) -> None:
    """Replace the complete text of a report by the brief one."""
    report.sections = [(title, brief if text == explained else text) for title, text in report.sections]
    # in reports of workers, longreprtext begins with the worker's name
    if str(report.longrepr) == explained:
        report.longrepr = _Shortened(brief, getattr(report.longrepr, "reprcrash", None))  # type: ignore[assignment]
