"""From pytest's report of one phase to a case of the results file.

Owns the meaning of pytest's reports in junit.xml. Takes reports by
their attributes, so that it can be tested without pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rustbed.log.fingerprint import fingerprint
from rustbed.log.record import strip_ansi
from rustbed.report.about import ABOUT, BUILT, BUILT_FOR
from rustbed.report.ktap import HEARD, describe_cases, restore_cases
from rustbed.report.result import Result, split_arch
from rustbed.report.sizes import render_sizes
from rustbed.report.verdict import GRAVITY, RED, MachineReport, Outcome, Verdict

# name of the suite, and of results that do not belong to a test
SUITE = "rustbed"
# user property with a verdict's facts as JSON, from a worker to the process that writes the files
FACTS = "rustbed"
# the same for the results of a red test that was run again
CONFIRMED = "rustbed-confirmed"
# the same for a test whose module does not build: the reason, and the compilers' output
UNBUILT = "rustbed-unbuilt"
# property of a case that failed in its setup, or in its teardown without facts from a machine
PHASE = "phase"
# beginning of the message of a test that no worker of a farm could finish
INFRA = "infra: "

# outcome of pytest-rerunfailures' reports of a failure that it runs again
RERUN = "rerun"

# outcomes that a later phase may make worse
GOOD = frozenset({Outcome.PASS, Outcome.SKIP, Outcome.XFAIL})


class Phase(Protocol):
    """pytest's report of a test's setup, call or teardown."""

    @property
    def nodeid(self) -> str:
        """The test's id."""

    @property
    def when(self) -> str | None:
        """setup, call or teardown."""

    @property
    def passed(self) -> bool:
        """Whether the phase passed."""

    @property
    def failed(self) -> bool:
        """Whether it failed."""

    @property
    def skipped(self) -> bool:
        """Whether it was skipped, or failed as expected."""

    @property
    def duration(self) -> float:
        """Seconds it took."""

    @property
    def longrepr(self) -> Any:
        """The failure, in pytest's own form."""

    @property
    def user_properties(self) -> MutableSequence[tuple[str, object]]:
        """Properties that were attached during the run."""

    @property
    def sections(self) -> Sequence[tuple[str, str]]:
        """Captured output of this phase and the ones before: title and text."""

    @property
    def longreprtext(self) -> str:
        """The failure as text."""


def _named(nodeid: str) -> dict[str, Any]:
    file, _, rest = nodeid.partition("::")
    classname = file.removesuffix(".py").replace("/", ".") or SUITE
    name, arch = split_arch(rest)
    return {"classname": classname, "name": name, "arch": arch, "label": rest, "file": file}


def key_of(nodeid: str) -> tuple[str, str, str]:
    """Return the key of a test in results files: class, name, architecture."""
    named = _named(nodeid)
    return named["classname"], named["name"], named["arch"]


def facts_of(
    verdict: Verdict, machines: Sequence[MachineReport], directory: Path, log: str, explained: str
) -> tuple[str, str]:
    """Return the facts of a test for the results files, as a property of its report.

    `directory` is the test's run directory, `log` its kernel log, `explained` the text of a failure.
    """
    properties = [("splat", "\n".join(splat.title for splat in verdict.splats))]
    properties.append(("fingerprint", "\n".join(verdict.fingerprints)))
    source = next((f"{splat.file}:{splat.line}" for splat in verdict.splats if splat.file and splat.line), "")
    stuck = next((machine.stuck for machine in machines if machine.stuck and machine.stuck.file), None)
    if not source and verdict.outcome is Outcome.HANG and stuck is not None:
        source = f"{stuck.file}:{stuck.line}"
    properties.append(("source", source))
    for number, machine in enumerate(machines, start=1):
        properties += _machine_properties(machine, "" if number == 1 else f"_{number}")
    # relative to the session's directory, which may be moved
    properties.append(("run_directory", directory.name))
    facts = {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "properties": [pair for pair in properties if pair[1] or pair[0].startswith("boot_ms")],
        "log": log,
        "explained": explained if verdict.is_red else "",
        "children": [
            case for machine in machines for case in describe_cases(machine.reported, SUITE, machine.arch)
        ],
    }
    return FACTS, json.dumps(facts)


def _machine_properties(machine: MachineReport, suffix: str) -> list[tuple[str, str]]:
    """Return the facts of a machine; those of a test's second one are called arch_2 and so on."""
    boot_ms = "" if machine.boot_ms is None else f"{machine.boot_ms:.0f}"
    facts = {
        "kernel_release": machine.release,
        "arch": machine.arch,
        "accel": machine.accel,
        "boot_ms": boot_ms,
        "modules": render_sizes(machine.modules),
    }
    return [(f"{name}{suffix}", value) for name, value in facts.items()]


def unbuilt_of(reason: str, printed: str) -> tuple[str, str]:
    """Return why a test's module does not build, as a property of its report; `printed` may have colours."""
    return UNBUILT, json.dumps({"reason": reason, "printed": printed})


def carried(report: Phase, name: str) -> dict[str, Any]:
    """Return the facts in the newest property of that name of a report; empty if there is none."""
    found = [str(value) for key, value in report.user_properties if key == name]
    return dict(json.loads(found[-1])) if found else {}


def confirm(red: Phase, runs: Sequence[Sequence[Phase]]) -> None:
    """Attach the results of further runs to the report of a red test; a run is given by its reports."""
    cases = [ending_of(reports) for reports in runs]
    count = sum(case.outcome in RED for case in cases)
    said = [("confirmed", f"red {count} of {len(cases)}")]
    said += [(f"confirm_{number}", _told(case)) for number, case in enumerate(cases, start=1)]
    red.user_properties.append((CONFIRMED, json.dumps(said)))


def ending_of(reports: Sequence[Phase]) -> Result:
    """Return the case of one run: its first red phase, else the test itself."""
    cases = [case_of(report) for report in reports]
    called = [case for case, report in zip(cases, reports, strict=True) if report.when == "call"]
    return next((case for case in cases if case.outcome not in GOOD), (called or cases)[0])


def _told(case: Result) -> str:
    """Render how a run ended in one line: outcome, fingerprint, title."""
    title = case.splats[0] if case.splats else case.message
    said = filter(None, [case.outcome.value, case.properties.get("fingerprint", ""), title])
    return " ".join(said).replace("\n", " ")


def worse(before: Result, after: Result) -> Result:
    """Return the case of a test from an earlier and a later report: the gravest outcome counts.

    If both are equally grave, the facts of machines come from the later one and the failure from the earlier.
    """
    if before.outcome in GOOD:
        return after
    details = "\n\n".join(dict.fromkeys(filter(None, (before.details, after.details))))
    if GRAVITY[after.outcome] < GRAVITY[before.outcome]:
        return replace(after, details=details)
    properties = before.properties | after.properties
    return replace(before, details=details, properties=properties, system_out=after.system_out)


def flaky(case: Result, tries: Sequence[Result]) -> Result:
    """Return the case of a test that another plugin ran again, with the results of the earlier tries."""
    if not tries:
        return case
    said = {"flaky": f"red {len(tries)} of {len(tries) + 1}"} if case.outcome in GOOD else {}
    said |= {f"try_{number}": _told(each) for number, each in enumerate(tries, start=1)}
    return replace(case, properties=case.properties | said)


def lost_case(nodeid: str) -> Result:
    """Return the case of a test, or of a session, that began but never ended."""
    return Result(**_named(nodeid), outcome=Outcome.LOST, message="interrupted before it ended")


def case_of(report: Phase) -> Result:
    """Return the case of a report."""
    facts = carried(report, FACTS)
    confirmed = [json.loads(str(value)) for name, value in report.user_properties if name == CONFIRMED]
    properties = [*facts.get("properties", []), *(confirmed[-1] if confirmed else [])]
    properties += carried(report, ABOUT).items()
    if built := [str(value) for name, value in report.user_properties if name == BUILT_FOR]:
        # a test that is run again builds them again
        properties.append((BUILT, " ".join(dict.fromkeys(built))))
    outcome = _reported(report, facts)
    if reason := carried(report, UNBUILT).get("reason"):
        properties.append(("fingerprint", fingerprint(Outcome.ERROR, reason)))
    if report.failed and (report.when == "setup" or (report.when == "teardown" and outcome not in RED)):
        # red in its setup: the machine did not boot, and the test itself did not run
        properties.append((PHASE, str(report.when)))
    return Result(
        **_named(report.nodeid),
        seconds=report.duration,
        outcome=outcome,
        message=_message(report, facts),
        details=_details(report, facts) if report.failed else "",
        properties=dict(properties),
        system_out=facts.get("log", ""),
        children=restore_cases([*facts.get("children", []), *carried(report, HEARD).get("children", [])]),
    )


def _reported(report: Phase, facts: dict[str, Any]) -> Outcome:
    """Return the outcome for the files: the verdict's, unless pytest found another failure afterwards."""
    judged = Outcome(facts["outcome"]) if facts else Outcome.PASS
    if judged in RED or judged is Outcome.ERROR:
        return judged
    if hasattr(report, "wasxfail") and report.skipped:
        return Outcome.XFAIL
    if report.skipped:
        return Outcome.SKIP
    if report.passed:
        return Outcome.PASS
    ours = bool(carried(report, UNBUILT)) or report.when != "call"
    return Outcome.ERROR if ours else Outcome.FAIL


def _details(report: Phase, facts: dict[str, Any]) -> str:
    """Return the failure as text, followed by the machine's explanation if it adds something."""
    if unbuilt := carried(report, UNBUILT):
        return strip_ansi(f"{unbuilt['reason']}\n\n{unbuilt['printed']}")
    explained = facts.get("explained", "")
    parts = [report.longreprtext, *([] if explained in report.longreprtext else [explained])]
    return "\n\n".join([*parts, *_captured(report, explained)])


def _captured(report: Phase, explained: str) -> Iterator[str]:
    """Yield pytest's captured output until a test failed, in pytest's form; it has stacks after a timeout."""
    ends = {"call": (" setup", " call")}.get(str(report.when), (f" {report.when}",))
    for title, content in report.sections:
        if title.endswith(ends) and content.strip() and content != explained:
            yield f"{f' {title} ':-^80}\n{content.rstrip()}"


def _message(report: Phase, facts: dict[str, Any]) -> str:
    if reason := getattr(report, "wasxfail", ""):
        return str(reason)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    if not report.passed and not report.skipped:
        # failed, or has the special outcome of a plugin that runs it again
        return str(facts.get("reason") or carried(report, UNBUILT).get("reason") or _headline(report))
    return ""


def _headline(report: Phase) -> str:
    if isinstance(report.longrepr, str):
        # an error of ours, whose last line says how to repeat it
        return report.longrepr.partition("\n")[0]
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash else report.longreprtext[-200:]
