"""Who was running when a report was printed: name and number of the task, as several formats say it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# a task's name has up to 15 characters, that of a work queue's thread more; it may hold spaces
_COMM, _PID = "(?P<comm>.{1,64}?)", r"(?P<pid>\d{1,10})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"CPU: \d+ (?:UID: \d+ )?PID: {_PID} Comm: {_COMM} (?:Not tainted|Tainted|Kdump)",
        rf"(?:Read|Write|Free) .* by task {_COMM}/{_PID}$",
        rf"INFO: task {_COMM}:{_PID} blocked",
        rf".*BUG: soft lockup - .*\[{_COMM}:{_PID}\]",
        rf"BUG: (?:scheduling while atomic|using \S+ in preemptible \[\w*\] code): {_COMM}/{_PID}\b",
        rf"{_COMM}/{_PID}(?: \[HC.*\])? (?:is trying|is leaving|just changed|is freeing|takes)",
        rf"(?:in_atomic.*, pid: (?=.*name: )){_PID}, name: (?P<named>.*)",
        rf"\d+ locks? held by {_COMM}/{_PID}",
        rf"Process {_COMM} \(pid: {_PID}",
        rf"Pid: {_PID}, comm: (?P<named>\S+)",
    )
)


def find_task(lines: Iterable[str]) -> str:
    """Return "comm/pid" of the first line that tells, "" if none does."""
    for line in lines:
        for form in _FORMS:
            if match := form.match(line):
                found = match.groupdict()
                return f"{found.get('comm') or found.get('named')}/{found['pid']}"
    return ""
