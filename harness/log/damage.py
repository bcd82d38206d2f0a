"""Checks whether a report is complete enough for its title and its function. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rustbed.log.blame import Report
from rustbed.log.families.dispatch import ENTRIES, QUEUES
from rustbed.log.families.family import WARNS_OF_CALLERS
from rustbed.log.formats.row import Kind
from rustbed.log.traces import readable

_DROPPED = re.compile(r"\*\* \d+ printk messages dropped|printk: \d+ messages (?:dropped|suppressed)")
# the task of a stack; the newline before fixed text makes the search fast
_PID = re.compile(r"\nCPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: ")
# registers of the user program that was interrupted
_FROM_USER = re.compile(r"\nRIP: 00[23]3:")
# kinds whose reports print stacks without a line above them
_UNANNOUNCED = frozenset({Kind.KFENCE, Kind.KMSAN, Kind.KCSAN})
# a task that was preempted at a scheduling point does not loop there
_PREEMPTED = re.compile(r"_*preempt_schedule(?:_common|_notrace|_thunk)?")


def find_damage(report: Report, function: str, task: str) -> str:
    """Return the first doubt about a report, in words, "" if there is none.

    `function` is blamed; `task` is the task of the report, "comm/pid".
    """
    return next(_doubts(report, function, task), "")


def _doubts(report: Report, function: str, task: str) -> Iterator[str]:
    row = report.row
    if "printk" in report.text and _DROPPED.search(report.text):
        yield "messages were dropped"
    if row.located and not row.traced and not function:
        yield "it ends before the function to blame"
    if row.located and not row.is_shared and "PID: " in report.text and _has_two_speakers(report.text, task):
        yield "two tasks print at once"
    if row.traced:
        yield from _doubts_about_stacks(report, function)


def _doubts_about_stacks(report: Report, function: str) -> Iterator[str]:
    row, mains = report.row, report.mains
    if _has_foreign_frames(report):
        yield "frames of another stack come before its own"
    if all(trace.is_empty for trace in mains):
        yield "its stack trace is missing"
    if all(len(trace.frames) == trace.counters for trace in mains):
        yield "no frame of its stack trace is certain"
    if _is_of_preempted(report):
        yield "the task that it shows did not run"
    if any(trace.is_announced and trace.is_empty for trace in report.traces):
        yield "a stack trace is announced and does not follow"
    if row.located and not _is_named(report) and not _is_told(report, function):
        yield "its stack trace ends before the function to blame"


def _has_foreign_frames(report: Report) -> bool:
    """Whether there are frames before the line that announces the stack."""
    if report.row.is_shared or report.row.kind in _UNANNOUNCED:
        return False
    first, *others = report.traces
    later = any(trace.is_main and trace.is_announced for trace in others)
    return len(first.frames) > first.counters and not first.is_announced and later


def _is_of_preempted(report: Report) -> bool:
    """Whether a stall's first stack shows a task that was preempted, not interrupted."""
    first = next((trace.frames for trace in report.mains if trace.frames), [])
    return report.row.kind is Kind.RCU_STALL and any(_PREEMPTED.fullmatch(name) for name in first[:4])


def _is_named(report: Report) -> bool:
    """Whether the headline names the function to blame, whatever is in the stack."""
    return report.row.kind is Kind.WARNING and not report.is_of(WARNS_OF_CALLERS, readable(report.named))


def _is_told(report: Report, function: str) -> bool:
    """Whether the blamed function is more than a guess; of an interrupted user program nothing else shows.

    Below the function that runs a work queue nothing else shows, either.
    """
    is_there = report.is_own(function) or function in QUEUES
    return bool(function) and (is_there or bool(_FROM_USER.search(report.text)))


def _has_two_speakers(text: str, task: str) -> bool:
    """Whether the report names another task before its first stack is complete."""
    said = [(match.start(), match[1]) for match in _PID.finditer("\n" + text)]
    pid = task.rpartition("/")[2]
    if len({other for _, other in said} | ({pid} if pid else set())) < 2:
        return False
    whole = ENTRIES.search(text)
    end = whole.start() if whole else len(text)
    pids = {other for start, other in said if start < end}
    return len(pids | ({pid} if pid and pids else set())) > 1
