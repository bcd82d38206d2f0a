"""Who was running when a report was printed: name and number of the task, as several formats say it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# a task's name has up to 15 characters, that of a work queue's thread more; it may hold spaces
_COMM, _PID = "(?P<comm>.{1,64}?)", r"(?P<pid>\d{1,10})"
# the line above a stack
_HEADER = re.compile(rf"CPU: \d+ (?:UID: \d+ )?PID: {_PID} Comm: {_COMM} (?:Not tainted|Tainted|Kdump)")
# what is in every line of a form, and the form
_FORMS = tuple(
    (needed, re.compile(form))
    for needed, form in (
        (" by task ", rf"(?:Read|Write|Free) .* by task {_COMM}/{_PID}$"),
        (" blocked", rf"INFO: task {_COMM}:{_PID} blocked"),
        ("soft lockup", rf".*BUG: soft lockup - .*\[{_COMM}:{_PID}\]"),
        ("BUG: scheduling", rf"BUG: scheduling while atomic: {_COMM}/{_PID}\b"),
        ("in preemptible", rf"BUG: using \S+ in preemptible \[\w*\] code: {_COMM}/{_PID}\b"),
        (" is trying", rf"{_COMM}/{_PID}(?: \[HC.*\])? is trying"),
        (" is leaving", rf"{_COMM}/{_PID} is leaving"),
        (" is freeing", rf"{_COMM}/{_PID} is freeing"),
        (" takes", rf"{_COMM}/{_PID}(?: \[HC.*\])? takes"),
        ("in_atomic", rf"in_atomic.*, pid: {_PID}, name: (?P<named>.*)"),
        (" held by ", rf"\d+ locks? held by {_COMM}/{_PID}"),
        ("Process ", rf"Process {_COMM} \(pid: {_PID}"),
        ("Pid: ", rf"Pid: {_PID}, comm: (?P<named>\S+)"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Whom a report tells of, each as "comm/pid" or ""."""

    # the task that the report is of, as its own words tell
    own: str
    # who was running when the stack was printed
    printing: str


def find_tasks(text: str) -> Tasks:
    """Return the tasks that the first telling lines of a report name."""
    own = _first(text, [form for needed, form in _FORMS if needed in text])
    return Tasks(own=own, printing=_first(text, [_HEADER] if "PID: " in text else []))


def _first(text: str, forms: Sequence[re.Pattern[str]]) -> str:
    names = (_name(form.match(line)) for line in text.split("\n") for form in forms) if forms else iter(())
    return next(filter(None, names), "")


def _name(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    found = match.groupdict()
    return f"{found.get('comm') or found.get('named')}/{found['pid']}"
