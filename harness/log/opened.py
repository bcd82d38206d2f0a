"""A report that is being read: which records belong to it.

Owns where a report ends. What it means is known when it is over: harness/log/splat.py. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.log.body import BODY
from harness.log.formats import Kind, Row, Stage
from harness.log.frames import COUNTER, FRAME
from harness.log.table import PREAMBLE, PREAMBLES

# records between a report and the panic it leads to
_LEADS_TO = 40
# lines of one report that are kept for the blame: no stack is so deep, and memory stays bounded
_KEPT = 2000
# after so many records of others a report is over, whoever was to go on with it
_FORGOTTEN = 2000

_END_OF_PANIC = re.compile(r"---\[ end Kernel panic")


@dataclass(kw_only=True)
class OpenSplat:
    """A splat being read."""

    row: Row
    match: re.Match[str]
    closing: re.Pattern[str]
    stage: Stage
    # records of the same context since the headline, and since the last one of the report
    age: int = 0
    quiet: int = 0
    first: int
    last: int
    closed: bool = False
    # the report's lines, from its headline; those that belong to it if a further one follows
    lines: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def is_continued_by(self, row: Row) -> bool:
        """Whether a later headline tells of the same failure."""
        if row.stage is Stage.MESSAGE and row.kind is self.row.kind:
            # without a WARN() trap of its own an architecture prints the message behind the headline
            return self.age <= 2
        reach = _LEADS_TO if row.stage is Stage.DEATH else self.row.reach
        return row.stage > self.stage and self.row.kind in row.continues and self.quiet <= reach

    def take(self, text: str, index: int) -> None:
        """Take a record that is of the report."""
        self.last, self.quiet = index, 0
        if len(self.lines) < _KEPT:
            self.lines += [*self.pending, *text.split("\n")]
        self.pending.clear()

    def extend(self, text: str, index: int) -> None:
        """Take a record that is no headline, if it is of the report."""
        self.age += 1
        self.quiet += 1
        if self.quiet > self.row.reach:
            return
        is_rule = text.startswith(PREAMBLES)
        is_end = is_rule and (self.closing.match(text) or _END_OF_PANIC.match(text))
        if is_rule and not is_end and PREAMBLE.match(text):
            return
        if self.closed:
            # x86 shows the registers once more behind the end
            if self.quiet <= 2 and not is_end and BODY.match(text):
                self.last, self.quiet = index, 0
        elif is_end:
            self.take(text, index)
            self.closed = True
        elif FRAME.match(text) or BODY.match(text) or COUNTER.match(text) or self._is_message(text):
            self.take(text, index)
        else:
            self.pending.append(text)

    def _is_message(self, text: str) -> bool:
        """Whether it is a Rust panic's message: on a console it is a record of its own."""
        return self.row.kind is Kind.RUST_PANIC and self.age == 1 and not self.match["message"] and bool(text)

    def is_over(self, index: int) -> bool:
        """Whether the record of this index cannot be of the report."""
        return index - self.last > _FORGOTTEN or (self.quiet > _LEADS_TO and self.quiet > self.row.reach)
