"""Leaves a verdict if the process ends during a test, with the test and the reason.

pytest-timeout's method `thread` ends the whole process without calling other plugins, and a worker may die
for any reason.
"""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from rustbed import runfiles
from rustbed.plugin.stash import RECORDER, RUN, session_directory
from rustbed.report import rundir
from rustbed.report.cases import facts_of
from rustbed.report.verdict import Outcome, Verdict

_TIMER = pytest.StashKey[threading.Timer]()


@pytest.hookimpl(optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Replace pytest-timeout's timer if that would end the process; the message is pytest-timeout's own."""
    if settings.method != "thread":
        return None
    # installed, because it calls this hook
    theirs: Any = import_module("pytest_timeout")

    def end() -> None:
        if not settings.disable_debugger_detection and theirs.is_debugging():
            return
        try:
            _leave(item, (theirs.PYTEST_FAILURE_MESSAGE % settings.timeout).rstrip("."))
        finally:
            theirs.timeout_timer(item, settings)

    item.stash[_TIMER] = threading.Timer(settings.timeout, end)
    item.stash[_TIMER].start()
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> None:
    """Stop our timer; pytest-timeout then checks for its own."""
    if (timer := item.stash.get(_TIMER, None)) is not None:
        timer.cancel()
        # otherwise the verdict could be printed in the middle of its output
        timer.join()


def _leave(item: pytest.Item, words: str) -> None:
    """Write a verdict, and the session's files if this process has them, before the process ends."""
    run = item.stash.get(RUN, None)
    verdict = Verdict(
        outcome=Outcome.LOST, reason=": ".join(filter(None, (words, run.waiting if run else "")))
    )
    facts = facts_of(verdict, (), run.directory if run else Path(), "", "")
    if run is not None:
        run.verdict = verdict
        run.write()
    recorder: Any = item.config.pluginmanager.get_plugin(RECORDER)
    # in a worker there are no files: its controller reads the verdict
    if recorder is None:
        return
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=verdict.reason,
        when="call",
        user_properties=[facts],
    )
    item.ihook.pytest_runtest_logreport(report=report)
    recorder.pytest_sessionfinish(item.session, pytest.ExitCode.INTERRUPTED)
    if (terminal := item.config.pluginmanager.get_plugin("terminalreporter")) is not None:
        recorder.pytest_terminal_summary(terminal)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    """Report a test whose worker died as lost, with the reason in its verdict if there is one."""
    found = rundir.find_lost(session_directory(sched.config), crashitem)
    if found is None:
        return
    directory, reason = found
    said = str(report.longrepr)
    verdict = Verdict(outcome=Outcome.LOST, reason=reason or said)
    rundir.write_verdict(directory / runfiles.VERDICT, verdict, test=crashitem)
    report.user_properties.append(facts_of(verdict, (), directory, "", ""))
    if reason:
        report.longrepr = f"{reason}\n{said}"
