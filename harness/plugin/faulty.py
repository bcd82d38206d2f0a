"""With --faults, a test runs once, and then again with every fault that its devices can have.

Each run is reported as a test of its own, on a machine of its own. What the test itself says of a device
that fails is no news, and passes; what the kernel says, and whether the machine lives, is judged as ever.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

# what pytest itself runs a test with; its own hook logs at once
from _pytest.runner import runtestprotocol

from rustbed.devices.walk import Step, Steps, Walk, parse_step, plan_steps, walking
from rustbed.errors import HostError, KernelError, MachineError, UsageError, suggest
from rustbed.plugin.fixtures import arch_of
from rustbed.plugin.options import given
from rustbed.plugin.stash import MACHINES, NAME, is_worker
from rustbed.report.cases import carried, ending_of
from rustbed.report.verdict import Outcome

# user property of the first run's report: what was planned
_PLANNED = "rustbed-faults"
# the same of each further one: the test that it is a run of, and the fault
_STEP = "rustbed-fault"
# in place of faults: all of them
_ALL = "all"

WALK = pytest.StashKey[Walk]()


def _only(config: pytest.Config) -> tuple[str, ...]:
    words = tuple(filter(None, str(given(config)("faults") or "").split(",")))
    return () if _ALL in words else words


def pytest_configure(config: pytest.Config) -> None:
    """Check the names of faults, and have what becomes of them summed up."""
    if not given(config)("faults"):
        return
    try:
        for word in _only(config):
            parse_step(word)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Summary(), "rustbed-faults-summary")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test without a fault, and if that is well with each of those that it can meet."""
    if not given(item.config)("faults") or arch_of(item) is None:
        return None
    # tears down what belongs to the test, and nothing that outlives it
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
    # the same machine again, as far as anybody knows
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
    """Run a test with a fault, under a name of its own: run directories and results are by names."""
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
    """Tear down what outlives a test, if no other test wants it."""
    # pytest's plugins take its own hook for the end of a test, which has been
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
    """Let what a test says of a device that failed be no failure; what it says without a fault is one."""
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
        pytest.skip(f"this run never came to the fault: {walk.step.fault}")
    return result


@dataclass(eq=False)
class Summary:
    """What became of the faults of each test, put together where the session reports."""

    _planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    # by test: its faults, each with outcome and reason
    _met: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what one run attached to the report of its last phase."""
        if planned := carried(report, _PLANNED):
            self._planned[planned["test"]] = planned
        if met := carried(report, _STEP):
            self._met.setdefault(met["test"], []).append((met["fault"], met["outcome"], met["reason"]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Let a session fail that had no fault to try, or a test of which no fault happened."""
        is_tried = self._planned and all(self._is_reached(test) for test in self._planned)
        if not is_tried and exitstatus == pytest.ExitCode.OK and not is_worker(session.config):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _is_reached(self, test: str) -> bool:
        """Whether a run of a test came to its fault."""
        return any(outcome != Outcome.SKIP for _, outcome, _ in self._met.get(test, []))

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """Say for each test how its driver took the faults, and how to repeat what was red."""
        # of tests that were not found pytest has said it
        if not self._planned and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            terminalreporter.write_line("rustbed: no test passed that plugs in a device written in Python")
        for test, planned in self._planned.items():
            for line in render_walk(planned, self._met.get(test, [])):
                terminalreporter.write_line(f"rustbed: {line}")


def render_walk(planned: Mapping[str, Any], met: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Render how a test's faults went, of which each is given by its name, outcome and reason."""
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
