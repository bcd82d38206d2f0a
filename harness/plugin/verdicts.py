"""Judging a test while its machines still live, and what is done with a red one."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

# what pytest itself runs a test with, and what plugins that run one again use; its own hook logs at once
from _pytest.runner import runtestprotocol

from rustbed.errors import HarnessError, MachineError, suggest
from rustbed.plugin.stash import PLATFORMS, RUN
from rustbed.report.cases import FACTS, case_of, confirm, facts_of
from rustbed.report.verdict import RED, Outcome
from rustbed.repro.interactive import stop_at_failure
from rustbed.repro.recording import record
from rustbed.repro.run import find_emulator
from rustbed.repro.scene import load_run

_OURS = Path(__file__).parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the test when its function is done, while its machines still live."""
    try:
        result = yield
    except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
        _finish(item, *_outcome(error))
        _record(item)
        _stop_at_failure(item)
        raise
    run = item.stash.get(RUN, None)
    if run is not None:
        verdict = run.finish(Outcome.PASS, "")
        if verdict.outcome is not Outcome.PASS:
            _record(item)
            _stop_at_failure(item)
            pytest.fail(run.explain(), pytrace=False)
    return result


def _outcome(error: BaseException) -> tuple[Outcome, str]:
    """Return how a test ended that raised `error`, and one line of why."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, pytest.skip.Exception):
        return Outcome.SKIP, reason
    if isinstance(error, MachineError):
        return Outcome(error.outcome), reason
    return Outcome.FAIL, reason


def _finish(item: pytest.Item, outcome: Outcome, reason: str) -> None:
    run = item.stash.get(RUN, None)
    if run is not None:
        run.finish(outcome, reason)
        if outcome is not Outcome.SKIP:
            item.add_report_section("call", "machine", run.explain())


def _record(item: pytest.Item) -> None:
    """Leave a recording of a red test's commands in its run directory, if that was asked for."""
    run = item.stash.get(RUN, None)
    wanted = item.config.getoption("--record")
    if not wanted or run is None or run.verdict is None or not run.verdict.is_red:
        return
    choices = item.config.stash[PLATFORMS].choices
    try:
        scene = load_run(run.directory)
        qemu = find_emulator(scene.spec.arch, choices.qemu, choices.cache)
        record(scene, qemu, run.directory / "recording")
    except HarnessError as error:
        item.add_report_section("call", "recording", f"there is none: {error}")
    else:
        item.add_report_section("call", "recording", suggest(f"repro replay {run.directory / 'recording'}"))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop_at_failure(item: pytest.Item) -> None:
    """Let a person into the machine of a red test, if that was asked for."""
    run = item.stash.get(RUN, None)
    if (
        not item.config.getoption("--on-failure")
        or run is None
        or run.verdict is None
        or not run.verdict.is_red
    ):
        return
    choices = item.config.stash[PLATFORMS].choices
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend(in_=True)
    try:
        _tell(f"\n{run.explain()}")
        stop_at_failure(
            run.directory,
            run.alive,
            lambda arch: find_emulator(arch, choices.qemu, choices.cache),
            input,
            _tell,
        )
    except HarnessError as error:
        _tell(f"no shell: {error}")
    finally:
        if capture is not None:
            capture.resume()


def _hide_ours(call: pytest.CallInfo[None]) -> None:
    """Leave of an error of ours the frames of the test: ours say nothing its text does not."""
    if call.excinfo is not None and isinstance(call.excinfo.value, HarnessError):
        call.excinfo.value.__cause__ = None
        theirs = call.excinfo.traceback.filter(lambda entry: _OURS not in Path(entry.path).parents)
        if theirs:
            call.excinfo.traceback = theirs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the files need to the report, which travels from workers to the writer."""
    _hide_ours(call)
    report = yield
    if call.when == "setup" and call.excinfo is not None and isinstance(call.excinfo.value, HarnessError):
        # what went wrong is in the text; pytest's frames and ours are no news to anybody
        report.longrepr = f"{type(call.excinfo.value).__name__}: {call.excinfo.value}"
    run = item.stash.get(RUN, None)
    if call.when == "setup" and call.excinfo is not None and run is not None:
        run.finish(*_outcome(call.excinfo.value))
    if run is not None and run.verdict is not None:
        report.user_properties = [
            *(pair for pair in report.user_properties if pair[0] != FACTS),
            facts_of(run.verdict, run.reports, run.directory, run.kernel_log(), run.explain()),
        ]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """With --confirm, run a red test again; what its reports say stands, and these runs beside it."""
    times: int = item.config.getoption("--confirm")
    if not times:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    red = [report for report in reports if case_of(report).outcome in RED]
    again: list[list[pytest.TestReport]] = []
    try:
        for _ in range(times if red else 0):
            if RUN in item.stash:
                del item.stash[RUN]
            again.append(runtestprotocol(item, log=False, nextitem=nextitem))
    finally:
        if again:
            confirm(red[0], again)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
