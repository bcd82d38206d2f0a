"""With --faults, a test runs once, and then again with every fault that its devices can have.

Each run is reported as a test of its own, on a machine of its own. A failure of the test itself does not
count when its device has a fault; the kernel's reports and the state of the machine are judged as usual.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

# pytest's own function for running a test, because its hook would log at once
from _pytest.runner import runtestprotocol

from rustbed.devices.walk import Step, Steps, Walk, parse_step, plan_steps, walking
from rustbed.errors import HostError, KernelError, MachineError, UsageError, suggest
from rustbed.plugin.fixtures import arch_of
from rustbed.plugin.options import given
from rustbed.plugin.stash import MACHINES, NAME, is_worker
from rustbed.report.cases import carried, ending_of
from rustbed.report.verdict import Outcome

# user property of the first run's report with the planned faults
_PLANNED = "rustbed-faults"
# user property of each further run's report: the test, and the fault
_STEP = "rustbed-fault"
# the value of --faults for all of them
_ALL = "all"

WALK = pytest.StashKey[Walk]()


def _only(config: pytest.Config) -> tuple[str, ...]:
    words = tuple(filter(None, str(given(config)("faults") or "").split(",")))
    return () if _ALL in words else words


def pytest_configure(config: pytest.Config) -> None:
    """Check the names of faults, and register the summary. Raises pytest.UsageError."""
    if not given(config)("faults"):
        return
    try:
        for word in _only(config):
            parse_step(word)
        if config.getoption("numprocesses", None):
            # xdist takes no other report from a worker than those of the tests that it has collected
            raise UsageError(
                "a walk over faults runs in one process; it cannot be combined with -n", fix="-n 0"
            )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Summary(), "rustbed-faults-summary")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test without a fault, and if it passes, with each possible fault."""
    if not given(item.config)("faults") or arch_of(item) is None:
        return None
    # tears down only fixtures of the test, because the next item seems to be in the same place
    again = cast(pytest.Item, item.parent)
    reports, planned = _run(item, None, again)
    is_well = ending_of(reports).outcome is Outcome.PASS
    if is_well and planned.devices:
        reports[-1].user_properties.append((_PLANNED, _render(item.nodeid, planned)))
    _log(item, item.nodeid, reports)
    steps = planned.steps if is_well else ()
    for step in steps:
        _run_step(item, step, again)
    _tear_down(item, nextitem)
    return True


def _run(
    item: pytest.Item, step: Step | None, nextitem: pytest.Item
) -> tuple[list[pytest.TestReport], Steps]:
    # the next machine is probably the same
    if MACHINES in item.config.stash:
        item.config.stash[MACHINES].foretell = None
    with walking(step) as walk:
        item.stash[WALK] = walk
        try:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            del item.stash[WALK]
    return reports, plan_steps(walk.devices, _only(item.config))


def _run_step(item: pytest.Item, step: Step, nextitem: pytest.Item) -> None:
    """Run a test with a fault, under a name of its own for run directories and results."""
    inner, bracket, rest = item.nodeid.rpartition("]")
    item.stash[NAME] = f"{inner}-{step.name}]{rest}" if bracket else f"{item.nodeid}[{step.name}]"
    try:
        reports, _ = _run(item, step, nextitem)
        for report in reports:
            report.nodeid = item.stash[NAME]
        case = ending_of(reports)
        told = {"test": item.nodeid, "fault": step.name, "outcome": case.outcome, "reason": case.message}
        reports[-1].user_properties.append((_STEP, json.dumps(told)))
        _log(item, item.stash[NAME], reports)
    finally:
        del item.stash[NAME]


def _tear_down(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Tear down fixtures with a wider scope that no other test needs."""
    # not by pytest's hook, which plugins would take for the end of another test
    call = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
    )
    if call.excinfo is not None:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        item.ihook.pytest_runtest_logreport(report=report)


def _log(item: pytest.Item, name: str, reports: Sequence[pytest.TestReport]) -> None:
    item.ihook.pytest_runtest_logstart(nodeid=name, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=name, location=item.location)


def _render(nodeid: str, planned: Steps) -> str:
    facts = {"accesses": planned.accesses, "repeated": planned.repeated, "faults": len(planned.steps)}
    return json.dumps({"test": nodeid, **facts})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Ignore a failure of the test function if its device's fault has happened."""
    walk = item.stash.get(WALK, None)
    if walk is None or walk.step is None:
        return (yield)
    result = None
    try:
        result = yield
    except (MachineError, KernelError, HostError):
        raise
    except (Exception, pytest.fail.Exception) as error:
        if not walk.happened:
            raise
        item.add_report_section("call", "fault", f"{walk.step.fault}: {type(error).__name__}: {error}")
    if not walk.happened:
        pytest.skip(f"this run never reached the fault: {walk.step.fault}")
    return result


@dataclass(eq=False)
class Summary:
    """Sums up the faults of each test, in the process that reports."""

    _planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    # by test: its faults, each with outcome and reason
    _met: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the facts in the report of a run's last phase."""
        if planned := carried(report, _PLANNED):
            self._planned[planned["test"]] = planned
        if met := carried(report, _STEP):
            self._met.setdefault(met["test"], []).append((met["fault"], met["outcome"], met["reason"]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a session without any fault to try, or with a test of which no fault happened."""
        is_tried = self._planned and all(self._is_reached(test) for test in self._planned)
        if not is_tried and exitstatus == pytest.ExitCode.OK and not is_worker(session.config):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _is_reached(self, test: str) -> bool:
        """Whether a run of a test reached its fault."""
        return any(outcome != Outcome.SKIP for _, outcome, _ in self._met.get(test, []))

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """Print, for each test, how its driver survived the faults, and how to repeat red runs."""
        # pytest has reported tests that were not found
        if not self._planned and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            terminalreporter.write_line("rustbed: no test passed that plugs in a device written in Python")
        for test, planned in self._planned.items():
            for line in render_walk(planned, self._met.get(test, [])):
                terminalreporter.write_line(f"rustbed: {line}")


def render_walk(planned: Mapping[str, Any], met: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Render the results of a test's faults, given by name, outcome and reason."""
    test = planned["test"]
    counts = Counter(outcome for _, outcome, _ in met)
    counts["survived"] = counts.pop(Outcome.PASS, 0)
    counts["not reached"] = counts.pop(Outcome.SKIP, 0)
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    seen = f", {planned['repeated']} of them after sequences seen before" if planned["repeated"] else ""
    nothing = "" if counts.total() > counts["not reached"] else "; nothing is known of the driver"
    told = f"{told or 'none tried'}{nothing}"
    yield f"{test}: accesses: {planned['accesses']}{seen}; faults: {len(met)}: {told}"
    for name, outcome, reason in met:
        if outcome not in (Outcome.PASS, Outcome.SKIP):
            yield f"  {name}: {outcome}: {reason}"
            yield f"    {suggest(f'faults {shlex.quote(test)} --only {name}')}"
