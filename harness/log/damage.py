"""Whether enough of a report is there to say what it means and whom it blames. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.log.blame import Report
from harness.log.dispatch import ENTRIES
from harness.log.formats import Kind
from harness.log.frames import readable
from harness.log.plumbing import WARNS_OF_CALLERS

_DROPPED = re.compile(r"\*\* \d+ printk messages dropped|printk: \d+ messages (?:dropped|suppressed)")
# who a stack is of; a search for a line that begins with fixed text is a fast one
_PID = re.compile(r"\nCPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: ")


def find_damage(report: Report, function: str, task: str) -> str:
    """Return the first doubt about a report, in words, "" if there is none.

    `function` is who is blamed, `task` whom the report is of, "comm/pid".
    """
    return next(_doubts(report, function, task), "")


def _doubts(report: Report, function: str, task: str) -> Iterator[str]:
    row, mains = report.row, report.mains
    if "printk" in report.text and _DROPPED.search(report.text):
        yield "messages were dropped"
    if row.located and not row.traced and not function:
        yield "it ends before the function to blame"
    if not row.traced:
        return
    if not row.is_shared and "PID: " in report.text and _has_two_speakers(report.text, task):
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
    return report.row.kind is Kind.WARNING and not WARNS_OF_CALLERS.fullmatch(readable(report.named))


def _has_two_speakers(text: str, task: str) -> bool:
    """Whether another than the task itself, or more than one, is named before the first stack is whole."""
    said = [(match.start(), match[1]) for match in _PID.finditer("\n" + text)]
    pid = task.rpartition("/")[2]
    if len({other for _, other in said} | ({pid} if pid else set())) < 2:
        return False
    whole = ENTRIES.search(text)
    end = whole.start() if whole else len(text)
    pids = {other for start, other in said if start < end}
    return len(pids | ({pid} if pid and pids else set())) > 1
