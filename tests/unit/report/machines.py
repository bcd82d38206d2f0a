"""Machines of tests of verdicts: what they reported, and what was declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rustbed.log.record import Record
from rustbed.log.splat import Kind, Splat
from rustbed.report.verdict import Expectation, MachineReport, Outcome, Verdict, judge

WARNING = Splat(
    kind=Kind.WARNING, title="WARNING in toy_probe", function="toy_probe", fatal=False, first=2, last=3
)
OOPS = Splat(
    kind=Kind.OOPS,
    title="general protection fault in toy_read",
    function="toy_read",
    fatal=True,
    first=4,
    last=5,
)
RECORDS = tuple(
    Record(seq=number, level=6, facility=0, time_us=1_000_000 + number, text=f"line {number}")
    for number in range(30)
)
ALIVE = MachineReport(
    arch="arm64",
    release="7.3.4",
    accel="tcg",
    boot_ms=1234.5,
    records=RECORDS,
    splats=(),
    taints=(),
    ended=None,
    reason="",
    run_dir=Path("/results/latest/test_toy-arm64"),
)
CRASHED = replace(ALIVE, splats=(OOPS,), ended=Outcome.CRASH, reason="the kernel panicked")
ANY_WARNING = Expectation(pattern="^WARNING", kind=Kind.WARNING)
ANY_OOPS = Expectation(pattern="toy_read")


def passed(*machines: MachineReport, expected: tuple[Expectation, ...] = ()) -> Verdict:
    return judge(Outcome.PASS, "", machines, expected)
