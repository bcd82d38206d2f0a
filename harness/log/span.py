"""An open report: which records belong to it.

Owns the end of a report. harness/log/splat.py interprets it when it is complete. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rustbed.log.body import BODY
from rustbed.log.families.dispatch import ENTRIES
from rustbed.log.formats.panics import CLOSING_QUOTE
from rustbed.log.formats.row import Kind, Row, Stage
from rustbed.log.formats.table import PREAMBLE, PREAMBLES
from rustbed.log.frame import match_frame
from rustbed.log.headline import Look

# at most this many records between a report and the panic it leads to
_LEADS_TO = 40
# lines of a Rust panic's message in quotes
_QUOTED = 12
# at most this many records between two processors with the same fault
_AT_ONCE = 8
# at most this many texts of a report are kept for the blame: no stack is deeper, and memory stays bounded
_KEPT = 2000
# after this many records of other tasks a report is over, even if its task continues it
_FORGOTTEN = 2000

_END_OF_PANIC = re.compile(r"---\[ end Kernel panic")


@dataclass(kw_only=True, slots=True)
class OpenSplat:
    """A splat being read."""

    row: Row
    # that of the row, until a continuing line says that the task died
    kind: Kind
    match: re.Match[str]
    closing: re.Pattern[str]
    stage: Stage
    # records of the same context since the headline, and since the last one of the report
    age: int = 0
    quiet: int = 0
    first: int
    last: int
    closed: bool = False
    # the report's texts, from its headline; those that belong to it if a further one follows
    texts: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def is_disturbed_by(self, row: Row) -> bool:
        """Whether another processor prints while the stack of one that panicked is being printed."""
        is_dying = self.row.stage is Stage.DEATH and row.stage is not Stage.DEATH and self.goes_on
        return is_dying and match_frame(self.texts[-1]) is not None and not ENTRIES.search(self.texts[-1])

    def is_continued_by(self, row: Row) -> bool:
        """Whether a later headline is about the same failure."""
        if row.stage is Stage.MESSAGE and row.kind is self.row.kind:
            # architectures without a WARN() trap print the message after the headline
            return self.age <= 2
        if row is self.row and self.is_repeated:
            return True
        if row is self.row and row.stage is Stage.FAULT and not self._has_frames:
            # another processor reports the same before the first one has said where
            return self.age <= _AT_ONCE
        reach = _LEADS_TO if row.stage is Stage.DEATH else self.row.reach
        return row.stage > self.stage and self.kind in row.continues and self.quiet <= reach

    @property
    def is_repeated(self) -> bool:
        """Whether the headline names an inlined function: syzkaller adds one for each, the outermost last."""
        return self.age == 0 and self.texts[-1].endswith(" [inline]")

    def is_tripped_by(self, row: Row) -> bool:
        """Whether the reporting itself failed: this report has no stack yet, the next one will."""
        is_due = self.row.traced and self.goes_on
        return is_due and row.stage > Stage.MESSAGE and not self._has_frames

    @property
    def _has_frames(self) -> bool:
        return any(map(match_frame, self.texts))

    @property
    def goes_on(self) -> bool:
        """Whether a line may belong to it."""
        return not self.closed and self.quiet < self.row.reach

    def take(self, text: str, index: int) -> None:
        """Take a record that belongs to the report."""
        self.last = index
        self.quiet = 0
        if self.pending:
            if len(self.texts) < _KEPT:
                self.texts += self.pending
            self.pending.clear()
        if len(self.texts) < _KEPT:
            self.texts.append(text)

    def take_all(self, texts: Sequence[str], index: int) -> None:
        """Take records that look like its own, if the report goes on; `index` is that of the last one."""
        self.age += len(texts)
        self.take(texts[0], index)
        self.texts += texts[1 : 1 + max(0, _KEPT - len(self.texts))]

    def extend(self, look: Look, index: int) -> None:
        """Take a record that is not a headline, if it belongs to the report."""
        self.age += 1
        self.quiet += 1
        if self.quiet > self.row.reach:
            return
        text = look.text
        is_rule = not look.is_ordinary and text.startswith(PREAMBLES)
        is_end = is_rule and (self.closing.match(text) or _END_OF_PANIC.match(text))
        if is_rule and not is_end and PREAMBLE.match(text):
            return
        if self.closed:
            # x86 prints the registers again after the end
            if self.quiet <= 2 and not is_end and BODY.match(text):
                self.last, self.quiet = index, 0
        elif is_end:
            self.take(text, index)
            self.closed = True
        elif look.is_told or self._is_message(text):
            self.take(text, index)
        else:
            self.pending.append(text)

    def _is_message(self, text: str) -> bool:
        """Whether it is a Rust panic's message: on a console each of its lines is a record of its own."""
        if self.row.kind is not Kind.RUST_PANIC or not text:
            return False
        if "quote" in self.match.groupdict():
            is_open = not self.match["where"] and not any(map(CLOSING_QUOTE.match, self.texts[1:]))
            return is_open and self.age <= _QUOTED
        return self.age == 1 and not self.match["message"]

    def is_over(self, index: int) -> bool:
        """Whether the record with this index can no longer belong to the report."""
        return index - self.last > _FORGOTTEN or (self.quiet > _LEADS_TO and self.quiet > self.row.reach)
