"""Judgement: what a test did and what its machines tell become one verdict.

Owns the order of outcomes and the rules; pure. Knows nothing of pytest, files, or how a machine is run.
"""

from __future__ import annotations

import re
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
from rustbed.log.registers import is_state
from rustbed.log.splat import KILLING, Kind, Splat
from rustbed.log.symbolize import Blame
from rustbed.progress import plural
from rustbed.report.echoes import CONSEQUENCES, drop_echoes
from rustbed.report.taints import find_unexplained

# records shown before a splat, of a splat, and when there is none
_BEFORE, _OF_SPLAT, _LAST = 4, 60, 15


class Outcome(StrEnum):
    """How a test ended, the gravest first: of several that apply, the first one listed is it."""

    # the guest's kernel died
    CRASH = "crash"
    # the guest lives and makes no progress
    HANG = "hang"
    # unknown: QEMU went away, or the harness did; every verdict begins as this
    LOST = "lost"
    # the driver did something other than the test wants
    FAIL = "fail"
    # the harness failed, which says nothing of the driver
    ERROR = "error"
    PASS = "pass"  # noqa: S105, a word of the trade and no password
    # failed as a known bug does
    XFAIL = "xfail"
    SKIP = "skip"


# outcomes that speak against the driver or the machine
RED = frozenset({Outcome.CRASH, Outcome.HANG, Outcome.LOST, Outcome.FAIL})

# of several that apply, the one with the lowest number is it
GRAVITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A splat that a test declares: it may come, and must."""

    # regular expression, found in the splat's title
    pattern: str
    # None: of any kind
    kind: Kind | None = None

    def matches(self, splat: Splat) -> bool:
        """Whether this splat was meant."""
        return self.kind in (None, splat.kind) and re.search(self.pattern, splat.title) is not None

    def __str__(self) -> str:
        """Return the declaration as failure texts show it."""
        return f"/{self.pattern}/" + (f" ({self.kind})" if self.kind else "")


@dataclass(frozen=True, kw_only=True)
class MachineReport:
    """What one machine leaves behind when its test is over."""

    arch: str
    # uname -r, "" if the machine never got there
    release: str
    # QEMU's accelerator: kvm, tcg
    accel: str
    # from QEMU's start (or the fork) to the first command's answer; time.monotonic() at the kernel's time 0
    boot_ms: float | None
    kernel_began: float | None = None
    # the kernel log since the test began, and what was found in it
    records: tuple[Record, ...]
    splats: tuple[Splat, ...]
    # newly set, as new_taints names them
    taints: tuple[str, ...]
    # None: alive at the end; CRASH, HANG or LOST if it ended early; and one line: what was seen then
    ended: Outcome | None
    reason: str
    run_dir: Path
    # the records with what debug information tells, if that was looked at
    annotated: tuple[Record, ...] | None = None
    # where splats point at, as far as anybody can tell
    blames: Mapping[Splat, Blame] = field(default_factory=dict)
    # why debug information does not tell all
    notes: tuple[str, ...] = ()
    # of a hang: which kind, as harness/log/stuck.py names them, and where in a driver
    hang: str = ""
    stuck: Blame | None = None
    # of tests that ran in the guest; and name, text, data, bss (bytes) of each module that was loaded
    reported: tuple[Result, ...] = ()
    modules: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a test ended and why."""

    outcome: Outcome
    # one line
    reason: str
    # the undeclared ones, and those declared that did not come
    splats: tuple[Splat, ...] = ()
    missing: tuple[Expectation, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether somebody has to look at it."""
        return GRAVITY[self.outcome] < GRAVITY[Outcome.PASS]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the splats, in their order; of a red verdict without splats, that of its reason."""
        if self.splats or self.outcome in (Outcome.PASS, Outcome.SKIP, Outcome.XFAIL):
            return tuple(splat.fingerprint or fingerprint(splat.kind, splat.title) for splat in self.splats)
        return (fingerprint(self.outcome, self.reason),)


# what every verdict is until it is earned
BEGUN = Verdict(outcome=Outcome.LOST, reason="the session ended before this test did")


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """One thing that the rules found."""

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
    """Return the verdict over a test that ended as `test` for `reason`, and over its machines.

    `test` is what the test itself did, with its fixtures: PASS, FAIL, ERROR, SKIP or XFAIL. A splat that
    was not declared fails the test whatever it did, and so does, if it passed, a declared one that did not
    come. A machine may crash if a fatal splat was declared and all its fatal ones were. A hang or a lost
    machine may be the failure that an XFAIL expects. As long as the test is not over, a declared splat may
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
    # among equals the cause comes first: what the kernel says, then what the test made of it
    findings.sort(key=lambda found: (GRAVITY[found.outcome], found.splat is None))
    return Verdict(outcome=findings[0].outcome, reason=_join(findings), splats=splats, missing=missing)


def splat_line(splat: Splat) -> str:
    """Return the one line that stands for a splat everywhere: its title, and where in the source."""
    return f"{splat.title}, {splat.file.rpartition('/')[2]}:{splat.line}" if splat.file else splat.title


def _test_findings(test: Outcome, reason: str) -> Iterator[_Finding]:
    """Yield what the test function says of itself, unless it says that all is well."""
    if GRAVITY[test] < GRAVITY[Outcome.PASS]:
        yield _Finding(outcome=test, reason=reason)


def _machine_findings(machine: MachineReport, expected: Sequence[Expectation]) -> Iterator[_Finding]:
    """Yield what speaks against the test in what a machine left behind."""
    ended, is_told = _ended(machine), any(splat.fatal for splat in machine.splats)
    for splat in _undeclared(machine, expected):
        # when a task died the host may end its machine, and only repeats what the log says
        is_death = splat.fatal or (ended is Outcome.CRASH and not is_told and splat.kind in KILLING)
        is_told = is_told or is_death
        outcome = Outcome.CRASH if is_death else Outcome.FAIL
        yield _Finding(outcome=outcome, reason=splat_line(splat), splat=splat)
    # a death that is in the log has been judged above, or was declared
    if ended is not None and not (ended is Outcome.CRASH and is_told):
        yield _Finding(outcome=ended, reason=_ending_line(machine))


def _ending_line(machine: MachineReport) -> str:
    """Return the one line of a machine that ended early: of a hang in a driver, its kind and place."""
    if machine.stuck is None:
        return machine.reason or f"the machine ended early: {machine.ended}"
    return render_stuck(machine.hang or "hang", machine.stuck)


def _undeclared(machine: MachineReport, expected: Sequence[Expectation]) -> Iterator[Splat]:
    """Yield the undeclared splats.

    A kernel that went on after an oops warns of what the dead task left behind: once a death was
    declared, that does not count. What else went wrong does: memory that is corrupt, a log that is not whole.
    """
    died = False
    for splat in _splats(machine):
        deadly = splat.fatal or splat.kind in KILLING
        if any(wanted.matches(splat) for wanted in expected):
            died = died or deadly
        elif deadly or not died or splat.kind not in CONSEQUENCES:
            yield splat


def _ended(machine: MachineReport) -> Outcome | None:
    """Return how a machine ended early: after a fatal splat, silence and QEMU's exit are a crash."""
    if machine.ended is not None and any(splat.fatal for splat in machine.splats):
        return Outcome.CRASH
    return machine.ended


def _came(wanted: Expectation, machines: Sequence[MachineReport]) -> bool:
    return any(wanted.matches(splat) for machine in machines for splat in _splats(machine))


def _splats(machine: MachineReport) -> tuple[Splat, ...]:
    """Return what the machine's log and its taints tell."""
    return (*drop_echoes(machine.splats), *find_unexplained(machine.taints, machine.splats))


def _join(findings: Sequence[_Finding]) -> str:
    """Return one line: the gravest finding, and the splats besides it.

    That the test failed on a machine that died is no news.
    """
    first = findings[0].reason
    others = [found.reason for found in findings[1:] if found.splat is not None and found.reason != first]
    also = f"; also {others[0]}" if others else ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return " ".join(f"{first}{also}{more}".split())


def render_failure(verdict: Verdict, machine: MachineReport) -> str:
    """Render the text of a failed test: the verdict, the records that matter, where the rest is."""
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
    facts.append(("repeat", f"sh {machine.run_dir / runfiles.REPEAT}"))
    return render_facts(headline, facts)


def _render_splat(splat: Splat, records: Sequence[Record]) -> str:
    """Render the records of a splat and a few before it; a long one is cut in its middle."""
    begin = max(0, splat.first - _BEFORE)
    whole = records[begin : splat.last + 1]
    shown = [record for record in whole if not is_state(record.text)]
    folded = plural(len(whole) - len(shown), "record")
    folded = f"... {folded} of registers and doubtful frames, in {runfiles.CONSOLE}"
    last = [folded] if len(shown) < len(whole) else []
    if len(shown) <= _BEFORE + _OF_SPLAT:
        return "\n".join([render_records(shown), *last])
    head, tail = shown[: _BEFORE + _OF_SPLAT // 2], shown[-_OF_SPLAT // 2 :]
    cut = f"... {len(shown) - len(head) - len(tail)} records, all of them in {runfiles.CONSOLE}"
    return "\n".join([render_records(head), cut, render_records(tail), *last])
