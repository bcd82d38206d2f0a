"""Judgement: combines the test's outcome and its machines' reports into one verdict.

Owns the order of outcomes and the rules; pure. Knows nothing of pytest, files, or running machines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rustbed import runfiles
from rustbed.errors import render_facts
from rustbed.log.annotate import render_blame, render_stuck
from rustbed.log.fingerprint import fingerprint
from rustbed.log.ktap import Result
from rustbed.log.record import Record, render_records
from rustbed.log.registers import without_state
from rustbed.log.splat import KILLING, Kind, Splat
from rustbed.log.symbolize import Blame
from rustbed.progress import plural
from rustbed.report.echoes import CONSEQUENCES, drop_echoes
from rustbed.report.taints import find_unexplained

# limits of shown records: before a splat, of a splat, without a splat
_BEFORE, _OF_SPLAT, _LAST = 4, 60, 15


class Outcome(StrEnum):
    """How a test ended, the gravest first: if several apply, the first one counts."""

    # the guest's kernel died
    CRASH = "crash"
    # the guest is alive but makes no progress
    HANG = "hang"
    # unknown, because QEMU or the harness ended; every verdict begins as this
    LOST = "lost"
    # the driver did not do what the test expected
    FAIL = "fail"
    # the harness failed, which is not evidence about the driver
    ERROR = "error"
    PASS = "pass"  # noqa: S105, a word of the trade and no password
    # failed as expected, because of a known bug
    XFAIL = "xfail"
    SKIP = "skip"


# outcomes that indicate a fault of the driver or the machine
RED = frozenset({Outcome.CRASH, Outcome.HANG, Outcome.LOST, Outcome.FAIL})

# rank of each outcome; if several apply, the lowest number counts
GRAVITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A splat that a test declares: it is allowed, and it must come."""

    # regular expression, found in the splat's title
    pattern: str
    # None: any kind
    kind: Kind | None = None

    def matches(self, splat: Splat) -> bool:
        """Whether the declaration covers this splat."""
        return self.kind in (None, splat.kind) and re.search(self.pattern, splat.title) is not None

    def __str__(self) -> str:
        """Return the declaration in the form for failure messages."""
        return f"/{self.pattern}/" + (f" ({self.kind})" if self.kind else "")


@dataclass(frozen=True, kw_only=True)
class MachineReport:
    """The facts about one machine at the end of its test."""

    arch: str
    # uname -r, "" if the machine never got there
    release: str
    # QEMU's accelerator: kvm, tcg
    accel: str
    # milliseconds from QEMU's start (or the fork) to the first answer; time.monotonic() at the kernel's time
    # 0
    boot_ms: float | None
    kernel_began: float | None = None
    # the kernel log since the test began, and the splats in it
    records: tuple[Record, ...]
    splats: tuple[Splat, ...]
    # taints that were set during the test, by their names in new_taints()
    taints: tuple[str, ...]
    # None if it was alive at the end; CRASH, HANG or LOST if it ended early; and the reason in one line
    ended: Outcome | None
    reason: str
    run_dir: Path
    # the records with source lines from debug information; None if it was not used
    annotated: tuple[Record, ...] | None = None
    # source line to blame for a splat, where known
    blames: Mapping[Splat, Blame] = field(default_factory=dict)
    # why debug information is incomplete
    notes: tuple[str, ...] = ()
    # for a hang: its kind, by the names of harness/log/stuck.py, and its place in a driver
    hang: str = ""
    stuck: Blame | None = None
    # results of tests that ran in the guest; and name, text, data, bss (bytes) of each loaded module
    reported: tuple[Result, ...] = ()
    modules: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a test ended and why."""

    outcome: Outcome
    # one line
    reason: str
    # undeclared splats, and declared ones that did not come
    splats: tuple[Splat, ...] = ()
    missing: tuple[Expectation, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether it needs attention."""
        return GRAVITY[self.outcome] < GRAVITY[Outcome.PASS]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the splats, in their order; a red verdict without splats has that of its reason."""
        if self.splats or self.outcome in (Outcome.PASS, Outcome.SKIP, Outcome.XFAIL):
            return tuple(splat.fingerprint or fingerprint(splat.kind, splat.title) for splat in self.splats)
        return (fingerprint(self.outcome, self.reason),)


# the verdict until there is another
BEGUN = Verdict(outcome=Outcome.LOST, reason="the session ended before this test did")


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """One result of the rules."""

    outcome: Outcome
    reason: str
    splat: Splat | None = None


def judge(
    test: Outcome,
    reason: str,
    machines: Sequence[MachineReport],
    expected: Sequence[Expectation],
    *,
    is_over: bool = True,
) -> Verdict:
    """Return the verdict on a test that ended as `test` for `reason`, and on its machines.

    `test` is the outcome of the test itself and its fixtures: PASS, FAIL, ERROR, SKIP or XFAIL. An undeclared
    splat fails the test in any case; a declared splat that did not come fails a test that passed.
    A machine may crash if it has fatal splats and all of them were declared. A hang or a lost
    machine can be the failure that an XFAIL expects. Until the test is over, a declared splat may
    still come.
    """
    findings = [
        *(found for machine in machines for found in _machine_findings(machine, expected)),
        *_test_findings(test, reason),
    ]
    if test is Outcome.XFAIL:
        findings = [found for found in findings if found.splat is not None or found.outcome is Outcome.CRASH]
    missing = tuple(wanted for wanted in expected if is_over and not _came(wanted, machines))
    if missing and test is Outcome.PASS:
        findings.append(_Finding(outcome=Outcome.FAIL, reason=f"declared splat did not come: {missing[0]}"))
    splats = tuple(found.splat for found in findings if found.splat is not None)
    if not findings:
        return Verdict(outcome=test, reason=reason, splats=splats, missing=missing)
    # of equally grave findings the cause comes first: the kernel's splat, then the test's failure
    findings.sort(key=lambda found: (GRAVITY[found.outcome], found.splat is None))
    return Verdict(outcome=findings[0].outcome, reason=_join(findings), splats=splats, missing=missing)


def splat_line(splat: Splat) -> str:
    """Return the line that represents a splat everywhere: its title and its place in the source."""
    return f"{splat.title}, {splat.file.rpartition('/')[2]}:{splat.line}" if splat.file else splat.title


def _test_findings(test: Outcome, reason: str) -> Iterator[_Finding]:
    """Yield the outcome of the test function itself, unless it is good."""
    if GRAVITY[test] < GRAVITY[Outcome.PASS]:
        yield _Finding(outcome=test, reason=reason)


def _machine_findings(machine: MachineReport, expected: Sequence[Expectation]) -> Iterator[_Finding]:
    """Yield the findings about a machine."""
    ended, is_told = _ended(machine), any(splat.fatal for splat in machine.splats)
    for splat in _undeclared(machine, expected):
        # the host may have ended the machine because a task died, which is in the log as well
        is_death = splat.fatal or (ended is Outcome.CRASH and not is_told and splat.kind in KILLING)
        is_told = is_told or is_death
        outcome = Outcome.CRASH if is_death else Outcome.FAIL
        yield _Finding(outcome=outcome, reason=splat_line(splat), splat=splat)
    # a crash that is in the log was judged above, or was declared
    if ended is not None and not (ended is Outcome.CRASH and is_told):
        yield _Finding(outcome=ended, reason=_ending_line(machine))


def _ending_line(machine: MachineReport) -> str:
    """Return one line about a machine that ended early; for a hang in a driver its kind and place."""
    if machine.stuck is None:
        return machine.reason or f"the machine ended early: {machine.ended}"
    return render_stuck(machine.hang or "hang", machine.stuck)


def _undeclared(machine: MachineReport, expected: Sequence[Expectation]) -> Iterator[Splat]:
    """Yield the undeclared splats.

    A kernel that goes on after an oops warns about locks and counts of the dead task. After a declared
    death such warnings do not count; others do, such as corrupt memory or an incomplete log.
    """
    died = False
    for splat in _splats(machine):
        deadly = splat.fatal or splat.kind in KILLING
        if any(wanted.matches(splat) for wanted in expected):
            died = died or deadly
        elif deadly or not died or splat.kind not in CONSEQUENCES:
            yield splat


def _ended(machine: MachineReport) -> Outcome | None:
    """Return how a machine ended early. Silence or QEMU's exit after a fatal splat is a crash."""
    if machine.ended is not None and any(splat.fatal for splat in machine.splats):
        return Outcome.CRASH
    return machine.ended


def _came(wanted: Expectation, machines: Sequence[MachineReport]) -> bool:
    return any(wanted.matches(splat) for machine in machines for splat in _splats(machine))


def _splats(machine: MachineReport) -> tuple[Splat, ...]:
    """Return the splats of a machine's log, and those of unexplained taints."""
    return (*drop_echoes(machine.splats), *find_unexplained(machine.taints, machine.splats))


def _join(findings: Sequence[_Finding]) -> str:
    """Render one line: the gravest finding, then other splats; a death of a task before the hang it caused.

    A failure of the test is not mentioned if its machine died.
    """
    gravest, *rest = findings
    deaths = [found for found in rest if found.splat is not None and found.splat.kind in KILLING]
    cause = deaths[0] if deaths and gravest.outcome is Outcome.HANG else gravest
    first = cause.reason
    others = [found.reason for found in findings if found is gravest or found.splat is not None]
    others = [reason for reason in others if reason != first]
    also = f"; also {others[0]}" if others else ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return " ".join(f"{first}{also}{more}".split())


def render_failure(verdict: Verdict, machine: MachineReport) -> str:
    """Render the text of a failed test: the verdict, the relevant records, and where to find the rest."""
    headline = f"{verdict.outcome.upper()}: {machine.arch} ({machine.accel}): {verdict.reason}"
    own = [splat for splat in machine.splats if splat in verdict.splats and splat.first <= splat.last]
    facts: list[tuple[str, object]] = []
    if verdict.missing:
        facts.append(("missing", "\n".join(str(wanted) for wanted in verdict.missing)))
    if own and (blame := machine.blames.get(own[0])) is not None:
        facts.append(("blamed", render_blame(blame)))
    if machine.stuck is not None:
        facts.append(("stuck in", render_blame(machine.stuck)))
    if machine.ended is not None:
        facts.append(("machine", machine.reason or machine.ended))
    if machine.ended is Outcome.HANG:
        facts.append(("hang", machine.run_dir / runfiles.HANG))
    if own:
        facts.append(("splat", _render_splat(own[0], machine.annotated or machine.records)))
        facts += [("symbols", note) for note in machine.notes]
        facts += [("further", splat_line(splat)) for splat in own[1:]]
    else:
        facts.append(("last records", render_records(machine.records[-_LAST:]) or "none"))
    facts.append(("kernel", machine.release))
    facts.append(("console", machine.run_dir / runfiles.CONSOLE))
    facts.append(("repeat", shlex.join(("sh", str(machine.run_dir / runfiles.REPEAT)))))
    return render_facts(headline, facts)


def _render_splat(splat: Splat, records: Sequence[Record]) -> str:
    """Render the records of a splat and a few before it; a long splat is cut in its middle."""
    begin = max(0, splat.first - _BEFORE)
    whole = records[begin : splat.last + 1]
    shown = without_state(whole)
    folded = plural(len(whole) - len(shown), "record")
    folded = f"... {folded} of registers and doubtful frames, in {runfiles.CONSOLE}"
    last = [folded] if len(shown) < len(whole) else []
    if len(shown) <= _BEFORE + _OF_SPLAT:
        return "\n".join([render_records(shown), *last])
    head, tail = shown[: _BEFORE + _OF_SPLAT // 2], shown[-_OF_SPLAT // 2 :]
    cut = f"... {len(shown) - len(head) - len(tail)} records, all of them in {runfiles.CONSOLE}"
    return "\n".join([render_records(head), cut, render_records(tail), *last])
