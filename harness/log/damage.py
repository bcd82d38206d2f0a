"""Whether enough of a report is there to say what it means and whom it blames. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.log.blame import Report
from harness.log.dispatch import ENTRIES
from harness.log.formats import Kind
from harness.log.plumbing import WARNS_OF_CALLERS
from harness.log.task import find_task

_DROPPED = re.compile(r"\*\* \d+ printk messages dropped|printk: \d+ messages (?:dropped|suppressed)")
# who a stack is of
_PID = re.compile(r"CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: ")


def find_damage(report: Report, function: str) -> str:
    """Return the first doubt about a report, in words, "" if there is none; `function` is who is blamed."""
    return next(_doubts(report, function), "")


def _doubts(report: Report, function: str) -> Iterator[str]:
    row, mains = report.row, report.mains
    if any("printk" in line and _DROPPED.search(line) for line in report.lines):
        yield "messages were dropped"
    if row.located and not row.traced and not function:
        yield "it ends before the function to blame"
    if not row.traced:
        return
    if not row.is_shared and _has_two_speakers(report.lines):
        yield "two tasks print at once"
    if all(trace.is_empty for trace in mains):
        yield "its stack trace is missing"
    if all(len(trace.frames) == trace.counters for trace in mains):
        yield "no frame of its stack trace is certain"
    if any(trace.is_announced and trace.is_empty for trace in report.traces):
        yield "a stack trace is announced and does not follow"
    if row.located and not _is_named(report) and not (function and report.is_own(function)):
        yield "its stack trace ends before the function to blame"


def _is_named(report: Report) -> bool:
    """Whether the headline names the function to blame, whatever its stack tells."""
    return report.row.kind is Kind.WARNING and not WARNS_OF_CALLERS.fullmatch(report.named)


def _has_two_speakers(lines: Sequence[str]) -> bool:
    """Whether more than one task tells of itself before the first stack is whole."""
    said = [
        (index, match[1])
        for index, line in enumerate(lines)
        if "PID: " in line and (match := _PID.match(line))
    ]
    own = find_task(lines, by_header=False).rpartition("/")[2] if said else ""
    if len({own or said[0][1], *(pid for _, pid in said)} if said else ()) < 2:
        return False
    whole = (index for index, line in enumerate(lines) if "+0x" in line and ENTRIES.search(line))
    end = next(whole, len(lines))
    pids = {pid for index, pid in said if index < end}
    return len(pids | ({own} if own and pids else set())) > 1
