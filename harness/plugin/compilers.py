"""Shows compilers' output for the tests' modules once, even if several tests need a module."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from typing import Any

import pytest

from rustbed.log.record import strip_ansi
from rustbed.plugin.stash import begin_line, is_worker
from rustbed.report.cases import UNBUILT, carried

# user property with the compilers' warnings for a test's modules, for the process that reports
WARNINGS = "rustbed-warnings"
_NOTED = pytest.StashKey[list[str]]()


def session_name() -> str:
    """Return an id that all workers of a session share."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())


def note_warnings(item: pytest.Item, text: str) -> None:
    """Note compilers' warnings for a test's report; an empty text is ignored."""
    if text:
        item.stash.setdefault(_NOTED, []).append(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the warnings to the report of their phase."""
    report = yield
    if noted := item.stash.get(_NOTED, []):
        report.user_properties.append((WARNINGS, json.dumps({"texts": noted})))
        del item.stash[_NOTED]
    return report


class Compilers:
    """Shows each text once, in the process with the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._failed: set[str] = set()
        self._warned: dict[str, None] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show the errors of a module before the report of its first test."""
        self._warned |= dict.fromkeys(carried(report, WARNINGS).get("texts", []))
        unbuilt = carried(report, UNBUILT)
        if unbuilt and unbuilt["printed"] not in self._failed:
            self._failed.add(unbuilt["printed"])
            self._show(unbuilt["reason"], unbuilt["printed"], red=True)

    def pytest_terminal_summary(self) -> None:
        """Show the warnings of built modules."""
        for text in self._warned:
            self._show("compiler warnings", text, yellow=True)

    def _show(self, title: str, text: str, **colour: bool) -> None:
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            begin_line(self._config)
            terminal.section(title, **colour)
            terminal.write_line(text if terminal.hasmarkup else strip_ansi(text))


def pytest_configure(config: pytest.Config) -> None:
    """Register the display, except in workers, whose reports are shown elsewhere."""
    if not is_worker(config):
        config.pluginmanager.register(Compilers(config), "rustbed-compilers")
