"""Who was running when a report was printed: name and number of the task, as several formats say it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

# a task's name has up to 15 characters, that of a work queue's thread more; it may hold spaces
_COMM, _PID = "(?P<comm>.{1,64}?)", r"(?P<pid>\d{1,10})"
# what is in every line of a form, and the form
_FORMS = tuple(
    (needed, re.compile(form))
    for needed, form in (
        ("PID: ", rf"CPU: \d+ (?:UID: \d+ )?PID: {_PID} Comm: {_COMM} (?:Not tainted|Tainted|Kdump)"),
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


def find_task(lines: Sequence[str], *, by_header: bool = True) -> str:
    """Return "comm/pid" of the first line that tells, "" if none does.

    `by_header` also takes the line above a stack, which is of who prints, if that is somebody else.
    """
    text = "\n".join(lines)
    forms = [form for needed, form in _FORMS[0 if by_header else 1 :] if needed in text]
    for line in lines if forms else ():
        for form in forms:
            if match := form.match(line):
                found = match.groupdict()
                return f"{found.get('comm') or found.get('named')}/{found['pid']}"
    return ""
