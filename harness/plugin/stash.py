"""What is kept beside pytest's session and its tests, and where it prints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rustbed.forks.machines import Machines
from rustbed.prepare import Platforms
from rustbed.progress import Display
from rustbed.report.known import KnownIssue
from rustbed.report.shard import Key
from rustbed.testrun import TestRun

# of the session
PLATFORMS = pytest.StashKey[Platforms]()
MACHINES = pytest.StashKey[Machines]()
KNOWN = pytest.StashKey[Sequence[KnownIssue]]()
SHARD = pytest.StashKey[tuple[int, int] | None]()
TIMES = pytest.StashKey[Mapping[Key, float]]()
DIRECTORY = pytest.StashKey[Path]()
# which tests had something built, by node id, and of which directories
USES = pytest.StashKey[dict[str, set[Path]]]()
# where this process's QEMUs record what code runs, if they do
COVERAGE = pytest.StashKey[Path]()
# of a test
RUN = pytest.StashKey[TestRun]()
# what it is called in reports and run directories, where that is not its node id
NAME = pytest.StashKey[str]()
# while its function runs
CALLED = pytest.StashKey[bool]()
# the reason of an expected failure that one of its subtests was
XFAILED_SUBTEST = pytest.StashKey[str]()

# what a worker tells its controller: how the tests were divided, why it cannot leave results, its machines
PLAN, TROUBLE, COUNTS = "rustbed_plan", "rustbed_trouble", "rustbed_machines"
# and the controller its workers: where the session's files go
SESSION = "rustbed_session"

_OUTPUTS = pytest.StashKey[dict[str, Any]]()

# the name the recorder is registered under
RECORDER = "rustbed-recorder"


def session_directory(config: pytest.Config) -> Path:
    """Return where this session leaves its files, if it has any; a worker was told by its controller."""
    if (attempt := attempt_of(config)) is not None:
        return attempt.parent.parent
    given = getattr(config, "workerinput", {})
    return Path(given[SESSION]) if SESSION in given else config.stash[DIRECTORY]


def attempt_of(config: pytest.Config) -> Path | None:
    """Return the directory of the attempt that this process is, as a worker of a farm; None if it is none."""
    given = config.getoption("rustbed_farm_attempt", None)
    return Path(given) if given else None


def outputs_of(config: pytest.Config) -> dict[str, Any]:
    """Return what a worker hands over to its controller: a place for more."""
    theirs: dict[str, Any] | None = getattr(config, "workeroutput", None)
    return config.stash.setdefault(_OUTPUTS, {}) if theirs is None else theirs


def note_use(item: pytest.Item, directory: Path) -> None:
    """Remember that a test has something built of a directory."""
    item.config.stash.setdefault(USES, {}).setdefault(item.nodeid, set()).add(directory)


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes that run a session's tests, and not the one that reports."""
    return hasattr(config, "workerinput") or attempt_of(config) is not None


def begin_line(config: pytest.Config) -> None:
    """End a line that pytest is in the middle of: what we print has lines of its own."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    reporter.ensure_newline()
    # it does not know of letters in quiet sessions, nor of those behind lines of ours
    if config.get_terminal_writer().width_of_current_line:
        reporter.write_line("")
    reporter.flush()


def make_display(config: pytest.Config) -> Display:
    """Return a display that reaches the terminal although pytest captures output."""
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled if capture is not None else nullcontext

    # of pytest-xdist: in which line the process that prints is, its workers do not know
    lead = "\n" if hasattr(config, "workerinput") else ""

    def write(text: str) -> None:
        with uncaptured():
            begin_line(config)
            os.write(2, f"{lead}{text}".encode())

    # captured, the terminal is none
    with uncaptured():
        terminal = not is_worker(config) and os.isatty(2)
        columns = shutil.get_terminal_size().columns - 1
    return Display(write, terminal=terminal, columns=columns)
