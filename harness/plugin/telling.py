"""What a person sees of a test while the session runs: its machine and time, and why it failed."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from rustbed.escape import one_line
from rustbed.plugin.stash import begin_line, is_worker
from rustbed.report.cases import FACTS, carried

_SUMMARISING = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(config: pytest.Config) -> None:
    """Remember that all tests have been told."""
    config.stash[_SUMMARISING] = True


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(report: Any, config: pytest.Config) -> Generator[None, Any, Any]:
    """Add to the word of a verbose session which machine a test had and how long it took.

    pytest's short summary has the word, too: there it stays what other programs look for.
    """
    status = yield
    if config.get_verbosity() < 1 or status is None or not status[2] or _SUMMARISING in config.stash:
        return status
    facts = dict(carried(report, FACTS).get("properties", [])) if hasattr(report, "user_properties") else {}
    if "accel" not in facts:
        return status
    category, letter, word = status
    word, *markup = word if isinstance(word, tuple) else (word,)
    machine = f"{facts.get('kernel_release', '')} {facts['accel']}".strip()
    word = f"{word} ({machine}, {report.duration:.1f} s)"
    return category, letter, (word, *markup) if markup else word


class Resuming:
    """The part of the process that has the terminal: begins a file's line anew where one of ours ended it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the file's name again before a letter that would stand alone."""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None or terminal.showlongtestinfo or not terminal.showfspath:
            return
        if terminal.currentfspath is None and (report.when == "call" or not report.passed):
            terminal.write_fspath_result(report.nodeid, "")


class Telling:
    """The part of the process that has the terminal: tells why a test failed when it does."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the one line of a test's first failure; all the rest is said at the end."""
        reason = carried(report, FACTS).get("reason", "") if report.failed else ""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None or not reason or report.nodeid in self._told or self._config.get_verbosity() < 0:
            return
        self._told.add(report.nodeid)
        begin_line(self._config)
        terminal.write_line(f"  {report.nodeid.rpartition('::')[2]}: {one_line(reason)}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Print nothing in workers: their reports travel."""
    if not is_worker(config):
        config.pluginmanager.register(Resuming(config), "rustbed-resuming")
        config.pluginmanager.register(Telling(config), "rustbed-telling")
