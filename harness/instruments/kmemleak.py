"""kmemleak: finds memory that the guest's kernel allocated and that is no longer reachable.

Owns the use of kmemleak (Documentation/dev-tools/kmemleak.rst), and chooses the reports that belong to a
test. Reports are parsed like the rest of the kernel's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rustbed.errors import CommandError
from rustbed.instruments.instrument import Instrument, Run
from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Kind

# The slab allocator (of 7.3 at least) hands objects out of arrays, "sheaves", and leaves the pointers in
# them; kmemleak takes those for references, and a leak stays hidden until the place in the array is used
# again. A cache with any check on has no sheaves (calculate_sheaf_capacity in mm/slub.c); this is the
# cheapest one.
_CMDLINE = ("slab_debug=F",)

_FILE = "/sys/kernel/debug/kmemleak"
# the kernel's own seconds, since kernel/time/timer_list.c prints what mm/kmemleak.c does: jiffies
_CLOCK = "grep -m1 ^jiffies: /proc/timer_list"
# An object is looked at once before it can be reported, and not before it is 5 s old (MSECS_MIN_AGE in
# mm/kmemleak.c). A further scan removes objects that only seemed lost while a pointer was being moved.
_SCANS = (
    f"scan() {{ echo scan >{_FILE}; }}; scan && sleep 5.1 && scan"
    f' && if [ -n "$(head -n 1 {_FILE})" ]; then scan; fi && cat {_FILE}'
)
# seconds, on real hardware
_SCANS_S = 60.0

_REPORT = re.compile(r"^(?=unreferenced object )", re.MULTILINE)
_ALLOCATED = re.compile(r"\bjiffies (\d+)")


def read_clock(run: Run) -> int:
    """Return the guest's jiffies, 0 if unknown: earlier allocations do not belong to this test."""
    _, _, number = run(_CLOCK, None).output.partition(":")
    return int(number) if number.strip().isdigit() else 0


def find_leaks(run: Run, since: int) -> tuple[Record, ...]:
    """Scan, and return the lines of the reports on memory that was allocated since that time.

    Takes 5 s and two scans, and a third one if something was found. Raises CommandError if kmemleak is
    missing or has disabled itself.
    """
    answer = run(_SCANS, _SCANS_S)
    if answer.status != 0:
        raise CommandError(
            "kmemleak does not scan", command=answer.command, status=answer.status, output=answer.output
        )
    return parse_console("".join(select_reports(answer.output, since)))


def select_reports(text: str, since: int) -> Iterator[str]:
    """Yield the reports in kmemleak's file on objects allocated at `since` or later, in jiffies."""
    for report in _REPORT.split(text):
        allocated = _ALLOCATED.search(report)
        if report.startswith("unreferenced") and (allocated is None or int(allocated[1]) >= since):
            yield report if report.endswith("\n") else f"{report}\n"


# not by default, because it takes seconds
KMEMLEAK = Instrument(
    name="kmemleak",
    kind=Kind.LEAK,
    options=("CONFIG_DEBUG_KMEMLEAK",),
    cmdline=_CMDLINE,
    begin=read_clock,
    announces=r"kmemleak: \d+ new suspected memory leaks",
    find=find_leaks,
)
