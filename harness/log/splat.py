"""Splats: what a kernel prints when something is wrong with it.

Owns the reading of a report's span in a sequence of records; the formats are
in harness/log/table.py. Pure; knows nothing of tests, machines or files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.log.fingerprint import fingerprint
from harness.log.formats import Kind, Row, Stage
from harness.log.frames import FRAME, blamed_function, call_chain
from harness.log.record import Record
from harness.log.table import PREAMBLE, ROWS

__all__ = ["Kind", "Splat", "find_splats", "new_taints"]

# records between "cut here" and what it announces; between a report and the panic it leads to
_ANNOUNCED, _LEADS_TO = 8, 40

# characters of a record that are looked at: Rust's names may fill 512 of them, no report needs more
_READ = 4096

# lines of a report's body, by their beginning
_BODY = re.compile(
    r"""\s*(?:
    # who and where
    (?:CPU|PID|Comm|Hardware\ name|Modules\ linked\ in|Workqueue|Tainted|Process|task|Call\ [Tt]race
       |Backtrace|Stack|Code|Krnl\ \w+|Last\ Breaking-Event-Address|stack\ backtrace|Current\ \w+\ pgtable
       |Showing\ all\ locks|NMI\ backtrace|Sending\ NMI|Exception\ stack|irq\ event\ stamp
       |hardirqs\ last|softirqs\ last)\b
    | \d{1,3}\.\d{1,4}\.\d{1,4}\S*\ .*(?:Not\ tainted|Tainted:) | </?[A-Z]\w*> | [=-]{20,}$
    # registers, memory, page tables
    | [REC][A-Z0-9]{1,2}\d?\ ?:\s
    | (?:pc|lr|sp|ra|gp|tp|epc|[xrast]\d{1,2}|pstate|status|psr)\ ?:\s
    | (?:RSP|EFLAGS|[CDEFGS]S|PKRU|ORIG_RAX|PGD|PTE|\#PF|ESR|FSC|EC|ISV|CM)\b
    | (?:Mem|Data)\ abort\ info | \[[0-9a-f]{16}\]\ pgd= | (?:user|swapper)\ pgtable
    | (?:PC|LR)\ is\ at | Flags: | [> ]?\s?[0-9a-f]{8,16}:\s | \^$
    | [0-9a-f]{8}\ [0-9a-f]{8} | [0-9a-f]{16}\ [0-9a-f]{16}
    # sanitizers
    | (?:Read|Write|Free|Bytes?|Memory|Allocated|Freed|freed|allocated|The\ buggy|which\ belongs
       |Last\ potentially|page|flags|raw|kfence-\#|Uninit|Local\ variable|read|write|race\ at
       |value\ changed|Reported\ by|index|shift|load|Corrupted|Out-of-bounds|Use-after-free|Invalid)\b
    # locks
    | (?:but\ task|is\ trying|which\ lock|the\ existing|other\ info|Possible\ |due\ to|lock\(|\*\*\*
       |\d+\ locks?\ held|no\ locks\ held|context-|rcu_scheduler|Preemption\ disabled|in_atomic
       |preempt_count|RCU\ nest|->\ \#|\#\d+:|CPU0)
    # hangs
    | (?:Showing\ busy|workqueue\ |pwq\ |in-flight:|pending:|pool\ \d)
    | (?:"echo\ 0|Not\ tainted|\(detected|\(t=|rcu:|rcu_\w+\ kthread) | \d+-[.O]+:
    # the end
    | (?:Kernel\ Offset|Rebooting\ in|note:|SMP:\ stopping|CPU\ features|Memory\ Limit|Dumping\ ftrace
       |\(ftrace|PHYS_OFFSET)
    )""",
    re.VERBOSE,
)

_END_OF_PANIC = re.compile(r"---\[ end Kernel panic")
# how KASAN and KFENCE name the access, each on a line of its own
_ACCESS = re.compile(r"(Read|Write|Free) (?:of|at) ")

_ALWAYS = "|".join(re.sub(r"\(\?P<\w+>", "(?:", row.pattern) for row in ROWS if not row.needs)
# rejects nearly every line at once
_ANY = re.compile(_ALWAYS)
_NEEDED = tuple({row.needs for row in ROWS if row.needs})
_COMPILED = tuple((row, re.compile(row.pattern), re.compile(row.closing)) for row in ROWS)


@dataclass(frozen=True, kw_only=True)
class Splat:
    """One report in a sequence of records."""

    kind: Kind
    # "WARNING in foo", "KASAN: slab-use-after-free Read in foo"
    title: str
    # the function to blame, "" if unknown
    function: str
    # whether the machine died of it
    fatal: bool
    # indices of its first and last record in the given sequence; last < first if it has none
    first: int
    last: int
    # where in the source the function is blamed; None as long as nobody looked or could tell
    file: str | None = None
    line: int | None = None
    # the same for the same failure in another build (harness/log/fingerprint.py); "" without records
    fingerprint: str = field(default="", compare=False)


@dataclass
class _Open:
    """A splat being read."""

    row: Row
    match: re.Match[str]
    closing: re.Pattern[str]
    stage: Stage
    # index of the record that matched the row
    headline: int
    first: int
    last: int
    closed: bool = False

    def is_continued_by(self, row: Row, index: int) -> bool:
        """Whether a later headline tells of the same failure."""
        if row.stage is Stage.MESSAGE and row.kind is self.row.kind:
            # without a WARN() trap of its own an architecture prints the message behind the headline
            return index - self.headline <= 2
        reach = _LEADS_TO if row.stage is Stage.DEATH else self.row.reach
        return row.stage > self.stage and self.row.kind in row.continues and index - self.last <= reach

    def extend(self, text: str, index: int) -> None:
        """Take a record that is no headline, if it is of the report."""
        gap = index - self.last
        if gap > self.row.reach:
            return
        if self.closed:
            # x86 shows the registers once more behind the end
            if gap <= 2 and not PREAMBLE.match(text) and _BODY.match(text):
                self.last = index
        elif self.closing.match(text) or _END_OF_PANIC.match(text):
            self.last, self.closed = index, True
        elif not PREAMBLE.match(text) and (_BODY.match(text) or FRAME.match(text)):
            self.last = index


def find_splats(records: Sequence[Record]) -> tuple[Splat, ...]:
    """Return the splats in the records, in their order.

    Takes time linear in the number of records and never raises. The spans do not overlap. What user
    space wrote to /dev/kmsg (the facility tells) is nobody's splat.
    """
    found: list[Splat] = []
    current: _Open | None = None
    announced = -_ANNOUNCED - 1
    for index, record in enumerate(records):
        text = record.text[:_READ]
        headline = _find_row(text) if record.facility == 0 else None
        if headline is None:
            if current is not None:
                current.extend(text, index)
            if PREAMBLE.match(text) and (current is None or current.last < index):
                announced = index
            continue
        row, match, closing = headline
        if current is not None and current.is_continued_by(row, index):
            current.stage, current.last, current.closed = max(row.stage, current.stage), index, False
            continue
        first = announced if index - announced <= _ANNOUNCED else index
        if current is not None:
            found.append(_close(current, records))
            first = first if first > current.last else index
        current = _Open(
            row=row, match=match, closing=closing, stage=row.stage, headline=index, first=first, last=index
        )
    if current is not None:
        found.append(_close(current, records))
    return tuple(found)


def _find_row(text: str) -> tuple[Row, re.Match[str], re.Pattern[str]] | None:
    """Return the first row that a text matches, the match, and what closes such a report."""
    if not _ANY.match(text) and not any(needed in text for needed in _NEEDED):
        return None
    for row, pattern, closing in _COMPILED:
        if row.needs in text and (match := pattern.match(text)):
            return row, match, closing
    return None


def _close(splat: _Open, records: Sequence[Record]) -> Splat:
    """Turn an open splat into a fact: title it and find whom to blame."""
    row = splat.row
    groups = {name: text or "" for name, text in splat.match.groupdict().items()}
    message, last = _message(splat, groups, records)
    texts = [record.text[:_READ] for record in records[splat.headline : last + 1]]
    function = blamed_function(row.kind, groups.get("function", ""), texts)
    groups["access"] = next((found[1] for text in texts if (found := _ACCESS.match(text))), "")
    groups["message"] = message
    title = " ".join(row.title.format(**groups).split()) or "Oops"
    return Splat(
        kind=row.kind,
        title=f"{title} in {function}" if row.located and function else title,
        function=function,
        fatal=splat.stage is Stage.DEATH,
        first=splat.first,
        last=last,
        fingerprint=fingerprint(row.kind, title, filter(None, (function, *call_chain(texts)))),
    )


def _message(splat: _Open, groups: dict[str, str], records: Sequence[Record]) -> tuple[str, int]:
    """Return a Rust panic's message and the last index: on a console it is a record of its own."""
    if splat.row.kind is not Kind.RUST_PANIC or groups["message"]:
        return groups.get("message", ""), splat.last
    behind = splat.headline + 1
    text = records[behind].text if behind < len(records) else ""
    if not text or PREAMBLE.match(text) or _find_row(text):
        return f"panicked at {groups['where']}", splat.last
    return text.split("\n")[0], max(splat.last, behind)


# bit and name of the taints that tell of a failure (Documentation/admin-guide/tainted-kernels.rst);
# the others tell of what was loaded or asked for
_TAINTS = ((4, "machine check"), (5, "bad page"), (7, "died"), (9, "warned"), (14, "soft lockup"))


def new_taints(before: int, after: int) -> tuple[str, ...]:
    """Return the names of the newly set bits of /proc/sys/kernel/tainted that tell of a failure."""
    added = after & ~before
    return tuple(name for bit, name in _TAINTS if added >> bit & 1)
