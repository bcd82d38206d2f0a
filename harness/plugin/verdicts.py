"""Judging a test: by what pytest says that it did, and by what its machines say became of them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

# what pytest itself runs a test with, and what plugins that run one again use; its own hook logs at once
from _pytest.runner import runtestprotocol

from rustbed.errors import BuildError, HarnessError, HostError, KernelError, MachineError, UsageError
from rustbed.plugin.stash import CALLED, RUN, SHOWN, XFAILED_SUBTEST
from rustbed.plugin.tracebacks import is_all_ours, summarise
from rustbed.report.cases import FACTS, GOOD, case_of, confirm, facts_of, unbuilt_of
from rustbed.report.verdict import RED, Outcome, Verdict
from rustbed.testrun import TestRun


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin afresh: plugins that run a test again run all its phases again."""
    if RUN in item.stash:
        del item.stash[RUN]
    if XFAILED_SUBTEST in item.stash:
        del item.stash[XFAILED_SUBTEST]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Ask the machines when the test's function is done, while they live: it is part of the test's time."""
    item.stash[CALLED] = True
    try:
        result = yield
    except (Exception, pytest.skip.Exception, pytest.fail.Exception):
        # pytest-timeout's stacks are in a buffer that is not captured until it is written
        if terminal := item.config.pluginmanager.get_plugin("terminalreporter"):
            terminal.flush()
        _look(item)
        raise
    finally:
        del item.stash[CALLED]
    _look(item)
    return result


def _look(item: pytest.Item) -> None:
    if RUN in item.stash:
        item.stash[RUN].look()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test when one of its phases is over, and let pytest's report say what the verdict says.

    The report, with what the files need attached, travels from workers to the writer.
    """
    run = item.stash.get(RUN, None)
    if run is None or (call.when == "setup" and call.excinfo is None):
        report = yield
        _refuse_excuse(item, report, call)
        _shorten(item, report, call)
        return report
    if CALLED in item.stash:
        report = yield
        _note_subtest(item, run, report, call)
        return report
    if call.when == "setup":
        run.look()
    report = yield
    _refuse_excuse(item, report, call)
    _shorten(item, report, call)
    _repair_subtests(item, report, call)
    before, verdict = run.verdict, _judge(run, report, call)
    if verdict.is_red and not report.failed and (call.when != "teardown" or verdict != before):
        _turn_red(item, run, report, call)
    elif call.when == "call" and call.excinfo is not None and verdict.outcome in RED:
        report.sections.append(("Captured machine call", run.explain()))
    if verdict.is_red:
        summarise(report, verdict.reason)
    verdict = _write(item, run, report, call)
    if verdict.is_red and not (before and before.is_red):
        _use_red(item, run, report)
    facts = facts_of(verdict, run.reports, run.directory, run.kernel_log(), run.explain())
    report.user_properties = [*(pair for pair in report.user_properties if pair[0] != FACTS), facts]
    return report


def _use_red(item: pytest.Item, run: TestRun, report: pytest.TestReport) -> None:
    """Do with a red test what was asked for; imported when there is one, because most sessions have none."""
    if any(item.config.getoption(f"rustbed_{name}") for name in ("record", "on_failure")):
        from rustbed.plugin.red import use_red  # noqa: PLC0415

        use_red(item, run, report)


def _write(
    item: pytest.Item, run: TestRun, report: pytest.TestReport, call: pytest.CallInfo[None]
) -> Verdict:
    """Leave the verdict, and return it; one that cannot be left is an error of the host."""
    assert run.verdict is not None, "judge first"
    try:
        run.write()
    except HostError as error:
        run.judge("results", Outcome.ERROR, error.headline)
        if not report.failed:
            _turn_red(item, run, report, call)
            summarise(report, run.verdict.reason)
    return run.verdict


def _told(call: pytest.CallInfo[None]) -> tuple[Outcome, str]:
    """Return how a phase ended, and one line of why."""
    error = call.excinfo.value if call.excinfo is not None else None
    if error is None:
        return Outcome.PASS, ""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, pytest.skip.Exception):
        return Outcome.SKIP, reason
    if isinstance(error, MachineError):
        return Outcome(error.outcome), reason
    # a module that does not build, a full disk: nothing was learned of the driver
    is_ours = isinstance(error, (KernelError, HostError))
    return Outcome.ERROR if is_ours else Outcome.FAIL, reason


def _refuse_excuse(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Let an error of ours be no failure that an xfail expects, unless it names it: nothing was tried."""
    if call.excinfo is None or not (report.skipped and hasattr(report, "wasxfail")):
        return
    error = call.excinfo.value
    if not isinstance(error, UsageError) and _told(call)[0] is not Outcome.ERROR:
        return
    named = [marker.kwargs.get("raises") or () for marker in item.iter_markers("xfail")]
    if not any(isinstance(error, kinds) for kinds in named):
        del report.wasxfail
        report.outcome, report.longrepr = "failed", item.repr_failure(call.excinfo)


def _judge(run: TestRun, report: pytest.TestReport, call: pytest.CallInfo[None]) -> Verdict:
    """Judge by what pytest makes of a phase: it knows which failures were expected."""
    outcome, reason = _told(call)
    if hasattr(report, "wasxfail"):
        outcome, reason = Outcome.XFAIL if report.skipped else Outcome.PASS, str(report.wasxfail)
    elif report.failed and call.excinfo is None:
        # a strict xfail that passed
        outcome, reason = Outcome.FAIL, str(report.longrepr).partition("\n")[0]
    # a teardown that went well, or was expected not to, leaves the word to the test
    is_told = call.when != "teardown" or outcome not in GOOD
    return run.judge(call.when if is_told else "", outcome, reason)


def _turn_red(
    item: pytest.Item, run: TestRun, report: pytest.TestReport, call: pytest.CallInfo[None]
) -> None:
    """Make a failure of what did not fail by itself, or was expected to."""
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    try:
        pytest.fail(run.explain(), pytrace=False)
    except pytest.fail.Exception as error:
        # debuggers ask for it
        call.excinfo = pytest.ExceptionInfo.from_exception(error)
    report.outcome, report.longrepr = "failed", item.repr_failure(call.excinfo)


def _note_subtest(
    item: pytest.Item, run: TestRun, report: pytest.TestReport, call: pytest.CallInfo[None]
) -> None:
    """Keep how a part of the test ended that is reported by itself and raises nothing: a subtest."""
    if report.failed and call.excinfo is None:
        # passed, which pytest 9.2 holds against a strict xfail: the whole test decides
        report.outcome, report.longrepr = "passed", None
    elif report.failed:
        run.tell_once("subtest", *_told(call))
    elif report.skipped and hasattr(report, "wasxfail"):
        item.stash[XFAILED_SUBTEST] = str(report.wasxfail)


def _repair_subtests(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Call an expected failure what pytest 9.2 takes for none: one that came in a subtest."""
    if call.when == "call" and call.excinfo is None and XFAILED_SUBTEST in item.stash:
        report.outcome, report.longrepr = "skipped", None
        report.wasxfail = item.stash[XFAILED_SUBTEST]


def _shorten(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Leave of an error of ours that no test's line raised its text: other frames tell the author nothing.

    What compilers printed is shown once, above the errors of all tests that wanted the module. What kept
    several tests from being set up is shown with the first one.
    """
    error = call.excinfo.value if call.excinfo is not None else None
    if not isinstance(error, HarnessError):
        return
    text, headline = f"{type(error).__name__}: {error}", f"{type(error).__name__}: {error.headline}"
    if is_unbuilt := isinstance(error, BuildError) and error.printed != "":
        text, headline = f"{error.headline} (see above)", error.headline
        report.user_properties.append(unbuilt_of(error.headline, error.printed))
    if call.when == "setup":
        # pytest-rerunfailures and --confirm set a test up again, and may show the last time alone
        first = item.config.stash.setdefault(SHOWN, {}).setdefault(text, item.nodeid)
        text = text if first == item.nodeid or "\n" not in text else f"{headline} (as in {first})"
    if is_unbuilt or call.when == "setup" or is_all_ours(error):
        # what pytest shows without a traceback
        try:
            pytest.fail(text, pytrace=False)
        except pytest.fail.Exception as failed:
            report.longrepr = item.repr_failure(pytest.ExceptionInfo.from_exception(failed))
    summarise(report, headline)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Call a failure what the driver did, an error what kept it from being tried; pytest goes by phases."""
    # reports of collection come here, too
    if not isinstance(report, pytest.TestReport) or not report.failed:
        return None
    outcome = case_of(report).outcome
    if report.when != "call" and outcome in RED:
        return "failed", "F", "FAILED"
    if report.when == "call" and outcome is Outcome.ERROR:
        return "error", "E", "ERROR"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """With --confirm, run a red test again; what its reports say stands, and these runs beside it."""
    times: int | None = item.config.getoption("rustbed_confirm")
    if not times:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    red = [report for report in reports if case_of(report).outcome in RED]
    again: list[list[pytest.TestReport]] = []
    try:
        for _ in range(times if red else 0):
            again.append(runtestprotocol(item, log=False, nextitem=nextitem))
    finally:
        if again:
            confirm(red[0], again)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
