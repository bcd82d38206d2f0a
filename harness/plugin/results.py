"""The session's directory and files, and what workers hand over for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rustbed.forks.machines import render_counts
from rustbed.options import read_arches
from rustbed.plugin.collection import PLAN
from rustbed.plugin.stash import DIRECTORY, KNOWN, MACHINES, PLATFORMS, RECORDER
from rustbed.report import rundir
from rustbed.report.recorder import Recorder

# what a worker tells of its machines
COUNTS = "rustbed_machines"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Open the session's directory and leave in it the document that says we were lost."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    base = Path(config.getoption("--results") or config.rootpath / "results").absolute()
    config.stash[DIRECTORY] = rundir.open_session(base)
    recorder = Recorder(config.stash[DIRECTORY], asked=_asked(config), known=config.stash[KNOWN])
    config.pluginmanager.register(recorder, RECORDER)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what machines a worker has started to the process that writes the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[COUNTS] = dict(session.config.stash[MACHINES].counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker that ended handed over."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[MACHINES].counts.update(output.get(COUNTS, {}))
    if recorder := node.config.pluginmanager.get_plugin(RECORDER):
        recorder.properties |= output.get(PLAN, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the machines came from."""
    if counts := config.stash[MACHINES].counts:
        terminalreporter.write_line(f"rustbed: {render_counts(counts)}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove old sessions, now that nobody waits for a verdict."""
    if DIRECTORY in config.stash:
        rundir.remove_old_sessions(config.stash[DIRECTORY])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker which session it works for."""
    node.workerinput["rustbed_session"] = str(node.config.stash[DIRECTORY])


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is tested."""
    return f"rustbed: {_asked(config)}"


def _asked(config: pytest.Config) -> str:
    arches = ", ".join(arch.name for arch in read_arches(config.getoption))
    chosen = config.stash[PLATFORMS].choices
    return f"kernel {chosen.kernel}, profile {chosen.profile}, {arches}, accel {chosen.accel}"
