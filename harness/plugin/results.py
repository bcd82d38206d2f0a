"""The session's directory and files, and the facts from workers for them.

A session that does not use rustbed leaves no files and prints nothing. Only processes that collect
know that: a worker makes the session's directory, and its controller sees it.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from rustbed.errors import HarnessError
from rustbed.forks.counts import render_counts
from rustbed.options import read_arches
from rustbed.plugin.options import begin as begin_session
from rustbed.plugin.options import given, is_asked
from rustbed.plugin.stash import (
    COUNTS,
    DIRECTORY,
    KNOWN,
    MACHINES,
    PLAN,
    PLATFORMS,
    RECORDER,
    SESSION,
    TROUBLE,
    is_worker,
    outputs_of,
    session_directory,
)
from rustbed.report import rundir
from rustbed.report.recorder import Recorder

_TROUBLE = pytest.StashKey[str]()
# options with which pytest does not run tests
_LOOKING = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Choose the session's directory, without creating it."""
    config = session.config
    if not is_worker(config):
        base = Path(given(config)("results") or config.rootpath / "results").absolute()
        config.stash[DIRECTORY] = rundir.name_session(base)


def begin(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make the directory with a results file of a lost session. Raises pytest.UsageError."""
    if any(config.getoption(name, False) for name in _LOOKING):
        return
    try:
        rundir.make_session(session_directory(config))
        # tests that are only set up have machines, but no results
        if not is_worker(config) and not config.getoption("setuponly", False):
            _record(config)
    except HarnessError as error:
        if not is_worker(config):
            raise pytest.UsageError(str(error)) from error
        # an exception here would look like a crash of the worker, so the controller reports the error
        outputs_of(config)[TROUBLE] = str(error)
        items.clear()


def _record(config: pytest.Config) -> None:
    begin_session(config)
    recorder = Recorder(config.stash[DIRECTORY], asked=_asked(config), known=config.stash[KNOWN])
    config.pluginmanager.register(recorder, RECORDER)
    _end_in_order(config)


def _end_in_order(config: pytest.Config) -> None:
    """Let SIGTERM, which CI sends to a job at its timeout, end the session like Ctrl-C, with its results."""
    is_free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if is_free and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config.add_cleanup(_end_at_once)


def _end_at_once() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """Begin to record when the first worker has made the session's directory."""
    config = node.config
    if config.stash[DIRECTORY].is_dir() and not config.pluginmanager.has_plugin(RECORDER):
        try:
            _record(config)
        except HarnessError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over a worker's counts of machines, or set the status if no test could run."""
    config = session.config
    if is_worker(config) and MACHINES in config.stash:
        outputs_of(config)[COUNTS] = dict(config.stash[MACHINES].counts)
    if _TROUBLE in config.stash:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the facts from a worker that has ended."""
    config, output = node.config, getattr(node, "workeroutput", {})
    if TROUBLE in output:
        config.stash[_TROUBLE] = output[TROUBLE]
    if counts := output.get(COUNTS):
        begin_session(config)
        config.stash[MACHINES].counts.update(counts)
    if recorder := config.pluginmanager.get_plugin(RECORDER):
        recorder.properties |= output.get(PLAN, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how machines were started, or why there were none."""
    if _TROUBLE in config.stash:
        terminalreporter.write_line(f"ERROR: {config.stash[_TROUBLE]}", red=True)
    if MACHINES in config.stash and (counts := config.stash[MACHINES].counts):
        terminalreporter.write_line(f"rustbed: {render_counts(counts)}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove old sessions, after all verdicts."""
    if DIRECTORY in config.stash and config.stash[DIRECTORY].is_dir():
        rundir.remove_old_sessions(config.stash[DIRECTORY])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which session it works for."""
    node.workerinput[SESSION] = str(node.config.stash[DIRECTORY])


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print what is tested, if our options were given; otherwise it is printed once there are tests."""
    return f"rustbed: {_asked(config)}" if is_asked(config) else None


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    """Print what is tested, unless it was printed already."""
    is_said = is_asked(config) or PLATFORMS not in config.stash
    return None if is_said else f"rustbed: {_asked(config)}"


def _asked(config: pytest.Config) -> str:
    arches = ", ".join(arch.name for arch in read_arches(given(config)))
    chosen = config.stash[PLATFORMS].choices
    return f"kernel {chosen.kernel}, profile {chosen.profile}, {arches}, accel {chosen.accel}"
