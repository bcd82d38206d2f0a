"""Finds the task that was running when a report was printed: its name and number. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# a task's name has up to 15 characters, that of a work queue's thread more; it may hold spaces
_COMM, _PID = "(?P<comm>.{1,64}?)", r"(?P<pid>\d{1,10})"
# the line above a stack, and text that is in each of them
_HEADER = (
    "PID: ",
    re.compile(rf"CPU: \d+ (?:UID: \d+ )?PID: {_PID} Comm: {_COMM} (?:Not tainted|Tainted|Kdump)"),
)
# text that is in every line of a form, and the form
_FORMS = tuple(
    (needed, re.compile(form))
    for needed, form in (
        (" by task ", rf"(?:Read|Write|Free) .* by task {_COMM}/{_PID}$"),
        (" blocked", rf"INFO: task {_COMM}:{_PID} blocked"),
        ("soft lockup", rf".*BUG: soft lockup - .*\[{_COMM}:{_PID}\]"),
        ("BUG: scheduling", rf"BUG: scheduling while atomic: {_COMM}/{_PID}/0x"),
        ("in preemptible", rf"BUG: using \S+ in preemptible \[\w*\] code: {_COMM}/{_PID}$"),
        (" is trying", rf"{_COMM}/{_PID}(?: \[HC.*\])? is trying"),
        (" is leaving", rf"{_COMM}/{_PID} is leaving"),
        (" is freeing", rf"{_COMM}/{_PID} is freeing"),
        (" takes", rf"{_COMM}/{_PID}(?: \[HC.*\])? takes"),
        ("in_atomic", rf"in_atomic.*, pid: {_PID}, name: (?P<named>.*)"),
        (" held by ", rf"\d+ locks? held by {_COMM}/{_PID}:?$"),
        ("Process ", rf"Process {_COMM} \(pid: {_PID}"),
        ("Pid: ", rf"Pid: {_PID}, comm: (?P<named>\S+)"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The tasks that a report names, each as "comm/pid" or ""."""

    # the task that the report itself names
    own: str
    # the task that was running when the stack was printed
    printing: str


def find_tasks(text: str) -> Tasks:
    """Return the tasks in the first lines of a report that name any."""
    return Tasks(own=_first(text, _FORMS), printing=_first(text, (_HEADER,)))


def _first(text: str, forms: Sequence[tuple[str, re.Pattern[str]]]) -> str:
    found = [match for needed, form in forms if needed in text and (match := _find_line(text, needed, form))]
    return _name(min(found, key=re.Match.start)) if found else ""


def _find_line(text: str, needed: str, form: re.Pattern[str]) -> re.Match[str] | None:
    """Return the first line of a form; its text is searched first, because that is much faster."""
    start = text.find(needed)
    while start >= 0:
        end = text.find("\n", start)
        end = end if end >= 0 else len(text)
        if match := form.match(text, text.rfind("\n", 0, start) + 1, end):
            return match
        start = text.find(needed, end)
    return None


def _name(match: re.Match[str]) -> str:
    found = match.groupdict()
    return f"{found.get('comm') or found.get('named')}/{found['pid']}"
