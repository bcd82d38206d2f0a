"""The keys of our data in pytest's stashes, and functions for its terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rustbed.forks.hot.servers import Servers
from rustbed.forks.machines import Machines
from rustbed.prepare import Platforms
from rustbed.progress import Display
from rustbed.report.known import KnownIssue
from rustbed.report.shard import Key
from rustbed.testrun import TestRun

# of the session
PLATFORMS = pytest.StashKey[Platforms]()
MACHINES = pytest.StashKey[Machines]()
# started before the session
SERVERS = pytest.StashKey[Servers]()
KNOWN = pytest.StashKey[Sequence[KnownIssue]]()
SHARD = pytest.StashKey[tuple[int, int] | None]()
TIMES = pytest.StashKey[Mapping[Key, float]]()
DIRECTORY = pytest.StashKey[Path]()
# directories that each test builds, by node id
USES = pytest.StashKey[dict[str, set[Path]]]()
# cases of KUnit suites, by test function and suite: workers of a farm collect those of the session
CASES = pytest.StashKey[dict[str, Sequence[str]]]()
# errors of setting tests up, each with the node id of the first test that showed it
SHOWN = pytest.StashKey[dict[str, str]]()
# directory in which QEMUs of this process record the executed code
COVERAGE = pytest.StashKey[Path]()
# of a test
RUN = pytest.StashKey[TestRun]()
# its name in reports and run directories, if that is not its node id
NAME = pytest.StashKey[str]()
# set while its function runs
CALLED = pytest.StashKey[bool]()
# the reason of an expected failure in one of its subtests
XFAILED_SUBTEST = pytest.StashKey[str]()

# keys from a worker to its controller: the division of tests, why it cannot write results, its machines
PLAN, TROUBLE, COUNTS = "rustbed_plan", "rustbed_trouble", "rustbed_machines"
# key from the controller to its workers: the session's directory
SESSION = "rustbed_session"

_OUTPUTS = pytest.StashKey[dict[str, Any]]()

# the name under which the recorder is registered
RECORDER = "rustbed-recorder"


def session_directory(config: pytest.Config) -> Path:
    """Return the session's directory, None without one; a worker gets it from its controller."""
    if (attempt := attempt_of(config)) is not None:
        return attempt.parent.parent
    given = getattr(config, "workerinput", {})
    return Path(given[SESSION]) if SESSION in given else config.stash[DIRECTORY]


def attempt_of(config: pytest.Config) -> Path | None:
    """Return the directory of the attempt if this process is a worker of a farm, else None."""
    given = config.getoption("rustbed_farm_attempt", None)
    return Path(given) if given else None


def outputs_of(config: pytest.Config) -> dict[str, Any]:
    """Return the dictionary that a worker hands over to its controller."""
    theirs: dict[str, Any] | None = getattr(config, "workeroutput", None)
    return config.stash.setdefault(_OUTPUTS, {}) if theirs is None else theirs


def note_use(item: pytest.Item, directory: Path) -> None:
    """Note that a test builds a directory."""
    item.config.stash.setdefault(USES, {}).setdefault(item.nodeid, set()).add(directory)


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker, not the process that reports."""
    return hasattr(config, "workerinput") or attempt_of(config) is not None


def begin_line(config: pytest.Config) -> None:
    """End pytest's unfinished line, so that our output begins on a new one."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    reporter.ensure_newline()
    # pytest does not count letters in quiet sessions, or letters after our lines
    if config.get_terminal_writer().width_of_current_line:
        reporter.write_line("")
    reporter.flush()


def make_display(config: pytest.Config) -> Display:
    """Return a display that reaches the terminal although pytest captures output."""
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled if capture is not None else nullcontext

    # a worker of pytest-xdist does not know the position in the line
    lead = "\n" if hasattr(config, "workerinput") else ""

    def write(text: str) -> None:
        with uncaptured():
            begin_line(config)
            os.write(2, f"{lead}{text}".encode())

    # standard error is a terminal only without capturing
    with uncaptured():
        terminal = not is_worker(config) and os.isatty(2)
        columns = shutil.get_terminal_size().columns - 1
    return Display(write, terminal=terminal, columns=columns)
