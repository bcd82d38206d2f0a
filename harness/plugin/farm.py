"""With --farm, a session's tests run on the workers of a farm, and their reports are replayed here.

For pytest, other plugins and our own recorder the tests seem to run in this process: options, output,
statuses and results files are the same as without a farm.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rustbed.cache import remove_tree
from rustbed.errors import HarnessError, UsageError
from rustbed.farm.address import parse_address
from rustbed.farm.batches import PlannedTest
from rustbed.farm.pool import Ended, Pool
from rustbed.farm.project import copy_project, move_word
from rustbed.farm.software import software
from rustbed.farm.store import FARM, Job, Report, write_cases
from rustbed.farm.times import find_times, load_times
from rustbed.host import QEMU_OVERHEAD_MIB
from rustbed.plugin import results
from rustbed.plugin.fixtures import arch_of, request_of
from rustbed.plugin.kunit import suite_of
from rustbed.plugin.options import given
from rustbed.plugin.stash import CASES, TIMES, session_directory
from rustbed.progress import plural
from rustbed.report.cases import GOOD, INFRA, confirm, ending_of

# options that workers get so that they do not repeat work of this process, and the plugin of each option
_DONE_HERE = {"--rustbed-farm=": "", "--rustbed-shard=": "", "--junitxml=": "junitxml", "-n0": "xdist"}
# options that need this process: name of the option, and its form on the command line
_HERE_ONLY = {"numprocesses": "-n", "usepdb": "--pdb", "rustbed_on_failure": "--on-failure"}
# prefixes of variables that affect a session, and of those that are only for workers of xdist
_VARIABLES, _NOT_THEIRS = ("RUSTBED_", "PYTEST_"), ("PYTEST_XDIST_", "PYTEST_CURRENT_TEST")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that cannot be combined with a farm. Raises pytest.UsageError."""
    url = given(config)("farm")
    if not url:
        return
    try:
        parse_address(url)
        for option, word in _HERE_ONLY.items():
            if config.getoption(option, None):
                raise UsageError(f"--farm runs the tests in other processes: {word} cannot be given, too")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests on the farm. Raises pytest.UsageError if there is none."""
    config = session.config
    url = given(config)("farm")
    is_broken = session.testsfailed and not config.option.continue_on_collection_errors
    if not url or not session.items or is_broken or config.option.collectonly:
        return None
    place = session_directory(config) / FARM
    try:
        # an optional dependency: nothing else is to import it
        engine = import_module("rustbed.farm.engine")
        with engine.connect(parse_address(url)) as farm:
            tests = [_test(item) for item in session.items]
            pool = Pool(farm=farm, job=_job(config, place), place=place, times=_times(config, tests))
            _say(config, f"farm {url}, {plural(len(farm.workers()), 'worker')}")
            _run(session, pool, tests)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    finally:
        _leave(place)
    return True


def _run(session: pytest.Session, pool: Pool, tests: Sequence[PlannedTest]) -> None:
    """Run the tests, and replay their reports in this session."""
    items = {item.nodeid: item for item in session.items}
    try:
        with closing(pool.run(tests)) as ended:
            for each in ended:
                _replay(session, each, items[each.test])
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
    finally:
        for output in pool.handed_over:
            results.pytest_testnodedown(SimpleNamespace(config=session.config, workeroutput=output))
    for trouble in pool.trouble:
        _say(session.config, f"farm: {trouble}")
    if pool.trouble:
        raise session.Failed(pool.trouble[0])


def _replay(session: pytest.Session, ended: Ended, item: pytest.Item) -> None:
    """Replay the reports of a test."""
    hook = session.config.hook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(session.config, ended, item):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _reports(config: pytest.Config, ended: Ended, item: pytest.Item) -> list[pytest.TestReport]:
    """Return the reports of the attempt that counts: the first red one, else the last.

    The results of other attempts are attached, as with --confirm.
    """
    if ended.lost:
        return [_lost(item, ended.lost)]
    tries = [[_restored(config, report) for report in reports] for reports in ended.tries]
    red = [reports for reports in tries if ending_of(reports).outcome not in GOOD]
    if not red or len(tries) == 1:
        return tries[-1]
    counts = red[0]
    failed = next((report for report in counts if report.failed), counts[-1])
    confirm(failed, [reports for reports in tries if reports is not counts])
    return counts


def _restored(config: pytest.Config, data: Report) -> pytest.TestReport:
    """Return a report from its JSON data, which has no tuples."""
    report: Any = config.hook.pytest_report_from_serializable(config=config, data=data)
    report.location = tuple(report.location)
    report.user_properties = [tuple(pair) for pair in report.user_properties]
    report.sections = [tuple(pair) for pair in report.sections]
    if isinstance(report.longrepr, list):
        report.longrepr = tuple(report.longrepr)
    return report  # type: ignore[no-any-return]


def _lost(item: pytest.Item, why: str) -> pytest.TestReport:
    """Return the report of a test that could not be run: an error in its setup."""
    now = time.time()
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=f"{INFRA}{why}",
        when="setup",
        start=now,
        stop=now,
    )


def _test(item: pytest.Item) -> PlannedTest:
    """Return a test with its requirements for a worker. Raises UsageError for a file outside the project."""
    if not item.path.is_relative_to(item.config.rootpath):
        raise UsageError(
            f"{item.path} is not below {item.config.rootpath}: a farm gets what is", fix="--rootdir"
        )
    arch = arch_of(item)
    if arch is None:
        return PlannedTest(id=item.nodeid, software=software())
    wanted = request_of(item)
    memory = wanted.hardware.memory_mib + QEMU_OVERHEAD_MIB
    return PlannedTest(
        id=item.nodeid,
        machine=f"{arch.name} {wanted}",
        shared=suite_of(item),
        arch=arch.name,
        memory_mib=memory,
        kvm=given(item.config)("accel") == "kvm",
        software=software(),
    )


def _job(config: pytest.Config, place: Path) -> Job:
    """Return the job of all workers: this session's arguments, on a copy of the project."""
    root, invoked = config.rootpath, config.invocation_params.dir
    copy = copy_project(root, place)
    write_cases(place, config.stash.get(CASES, {}))
    directory = Path(move_word(str(invoked), root, copy))
    directory.mkdir(parents=True, exist_ok=True)
    words = [move_word(str(word), root, copy) for word in config.invocation_params.args]
    mine = [
        word for word, plugin in _DONE_HERE.items() if not plugin or config.pluginmanager.hasplugin(plugin)
    ]
    words += [f"--rootdir={copy}", *mine]
    if config.pluginmanager.hasplugin("cacheprovider"):
        words += ["-o", f"cache_dir={copy / '.pytest_cache'}"]
    theirs = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_VARIABLES) and not name.startswith(_NOT_THEIRS)
    }
    return Job(
        attempt="",
        arguments=words,
        directory=str(directory),
        environment=theirs,
        tests=(),
        root=str(root),
    )


def _times(config: pytest.Config, tests: Sequence[PlannedTest]) -> dict[str, float]:
    """Return the times of tests, from --shard-times or else from earlier sessions."""
    ids = [test.id for test in tests]
    known = config.stash.get(TIMES, {})
    return find_times(ids, known) if known else load_times(session_directory(config), ids)


def _say(config: pytest.Config, text: str) -> None:
    terminal: Any = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None:
        terminal.ensure_newline()
        terminal.write_line(f"rustbed: {text}")


def _leave(place: Path) -> None:
    """Remove the workers' copies of the project; their logs are kept."""
    for path in place.glob("project*"):
        # a worker that is about to end may still write there
        with suppress(OSError):
            remove_tree(path)
