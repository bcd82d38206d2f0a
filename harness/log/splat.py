"""Splats: the reports that a kernel prints when it detects a fault.

Owns the reading of a report's span in a sequence of records; the formats are
in harness/log/formats/. Pure; does not know tests, machines or files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from typing import TypedDict

from rustbed.log.blame import find_chain, find_checker, find_function, read_report
from rustbed.log.boots import Boots
from rustbed.log.damage import find_damage
from rustbed.log.fingerprint import fingerprint
from rustbed.log.formats.row import Kind, Row, Stage
from rustbed.log.formats.table import KILLING, PREAMBLE, PREAMBLES
from rustbed.log.headline import READ, Headline, Look, find_headline, follow, look_at, look_at_all
from rustbed.log.record import Line, Record, Table, split_table
from rustbed.log.span import OpenSplat
from rustbed.log.task import find_tasks

__all__ = ["KILLING", "Kind", "Reader", "Splat", "find_splats"]

# at most this many records between "cut here" and the report
_ANNOUNCED = 8

# how KASAN and KFENCE name the access, each on a line of its own
_ACCESS = re.compile(r"(Read|Write|Free) (?:of|at) ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Splat:
    """One report in a sequence of records."""

    kind: Kind
    # "KASAN: slab-use-after-free Read in foo"; "WARNING in foo/kobject_add" if that warns of foo
    title: str
    # the function to blame, "" if unknown
    function: str
    # whether the machine died of it
    fatal: bool
    # indices of its first and last record in the given sequence; last < first if it has none
    first: int
    last: int
    # where in the source the function is blamed; None until it is looked up, or if it is unknown
    file: str | None = None
    line: int | None = None
    # the same for the same failure in another build (harness/log/fingerprint.py); "" without records
    fingerprint: str = field(default="", compare=False)
    # the running task, "comm/pid"; "" if unknown
    task: str = ""
    # what is missing or mixed up in it, "" if it is complete
    damage: str = ""

    @property
    def corrupted(self) -> bool:
        """Whether the report is incomplete, so that its title or function may mislead."""
        return bool(self.damage)


class _Told(TypedDict):
    """The part of a Splat that does not depend on its place in the log."""

    kind: Kind
    title: str
    function: str
    fingerprint: str
    task: str
    damage: str


_REBOOT = partial(Splat, kind=Kind.REBOOT, title="unexpected kernel reboot", function="", fatal=True)


class Reader:
    """Reads records one by one, and hands out each splat as soon as it is over.

    Keeps only the reports that are being printed: one per task or processor that prints, as
    far as the records tell them apart.
    """

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        """Begin; `files` has functions by where this kernel's debug information has them."""
        # by caller; "" if the log does not have it
        self._open: dict[str, OpenSplat] = {}
        # index of the last line that may come before a splat, by caller
        self._announced: dict[str, int] = {}
        self._boots = Boots()
        # index of the previous record
        self._newest = -1
        # a driver that fails in a loop prints the same report again and again
        self._tell = lru_cache(maxsize=32)(partial(_tell, files=files or {}))

    @property
    def is_idle(self) -> bool:
        """Whether no report is open, so that records without a splat may be skipped."""
        return not self._open

    @property
    def kept(self) -> int:
        """The number of texts in memory."""
        return sum(len(splat.texts) + len(splat.pending) for splat in self._open.values())

    def feed(self, index: int, record: Record | Line) -> tuple[Splat, ...]:
        """Take the next record; return the splats that are over, in any order. Indices rise."""
        newest, self._newest = self._newest, index
        if self._boots.is_printed_again(record):
            for splat in self._open.values():
                splat.last = index if splat.last == newest else splat.last
            return ()
        look = look_at(record.text[:READ])
        if look.is_indented:
            if current := self._open.get(record.caller) or self._open.get(self._context(record, None)):
                current.extend(look, index)
            return ()
        return self._feed(index, record, look, look.headline if record.facility == 0 else None)

    def read(self, text: str, first: int) -> list[Splat]:
        """Take a console's lines from the number `first` on, as `feed` does; most continue a report."""
        found: list[Splat] = []
        lines = split_table(text, first)
        looks = look_at_all(lines.texts)
        follows = follow(lines, looks)
        at = 0
        while at < len(looks):
            end = self._keep(lines, looks, follows, at)
            if end > at and (kept := lines.line(end - 1)):
                self._newest = kept.number
                self._boots.pass_by(kept)
            if end < len(looks) and (line := lines.line(end)):
                found += self.feed(line.number, line)
            at = end + 1
        return found

    def _keep(self, lines: Table, looks: Sequence[Look], follows: Sequence[bool], at: int) -> int:
        """Keep the next lines that only continue an open report; return the number of the line after them."""
        numbers, stamps, callers, texts, _ = lines
        before, caller = self._boots.newest, callers[at]
        current = self._open.get(caller)
        if current is None or self._boots.is_replayed:
            return at
        is_alone = len(self._open) == 1
        while at < len(looks):
            look, number = looks[at], numbers[at]
            # a repeated line is skipped
            if not stamps[at] or texts[at] == before or callers[at] != caller:
                break
            if not look.is_indented and not (look.is_ordinary and is_alone and not current.is_over(number)):
                break
            if follows[at + 1] and look.is_body and current.goes_on:
                end = follows.index(False, at + 1)
                if not is_alone:
                    end = next((line for line in range(at, end) if not looks[line].is_indented), end)
                current.take_all([look.text for look in looks[at:end]], numbers[end - 1])
                at = end
            else:
                current.extend(look, number)
                at += 1
            before = texts[at - 1]
        return at

    def _feed(
        self, index: int, record: Record | Line, look: Look, headline: Headline | None
    ) -> tuple[Splat, ...]:
        found = self._forget(index)
        key = self._context(record, headline[0] if headline else None)
        current = self._open.get(key)
        if headline is None:
            if current is not None:
                current.extend(look, index)
            return found + self._notice(index, record, current)
        row, match, closing = headline
        is_same = key == record.caller != ""
        if current is not None and (current.is_continued_by(row) or (is_same and current.is_tripped_by(row))):
            current.stage, current.closed = max(row.stage, current.stage), False
            if row is current.row and current.is_repeated:
                current.match = match
            if current.kind is Kind.WARNING and row.ends_task and row.stage is not Stage.DEATH:
                current.kind = row.kind
            current.take(look.text, index)
            self._boots.go_on(ended=row.stage is Stage.DEATH)
            return found
        if current is not None and current.is_disturbed_by(row):
            current.extend(look, index)
            return found
        if current is not None:
            found += (self._close(self._open.pop(key)),)
        announced = self._announced.pop(record.caller, -_ANNOUNCED - 1)
        near = index - announced <= _ANNOUNCED and (current is None or announced > current.last)
        self._open[key] = OpenSplat(
            row=row,
            kind=row.kind,
            match=match,
            closing=closing,
            stage=row.stage,
            first=announced if near else index,
            last=index,
        )
        self._open[key].texts.append(look.text)
        self._boots.go_on(ended=row.stage is Stage.DEATH)
        return found

    def finish(self) -> tuple[Splat, ...]:
        """Return the splats with which the records ended."""
        found = tuple(self._close(splat) for splat in self._open.values())
        self._open.clear()
        return found

    def _close(self, splat: OpenSplat) -> Splat:
        """Turn an open splat into a fact."""
        groups = tuple((name, text or "") for name, text in splat.match.groupdict().items())
        told = self._tell(splat.row, splat.kind, groups, "\n".join(splat.texts))
        # replace() would take a large part of the time for reading a report
        return Splat(**told, fatal=splat.stage is Stage.DEATH, first=splat.first, last=splat.last)

    def skip(self, text: str) -> None:
        """Leave out a part of a console that may_hold_splat() says holds none."""
        self._boots.pass_over(text)

    def _context(self, record: Record | Line, row: Row | None) -> str:
        """Return the caller whose report a record may belong to."""
        if record.caller in self._open or not self._open:
            return record.caller
        for key in reversed(self._open):
            splat = self._open[key]
            # torn lines lose their caller; several processors print a report of all processors
            joined = not record.caller or not key or (splat.row.is_shared and row is None)
            if joined or (row is not None and row.stage is Stage.DEATH and splat.is_continued_by(row)):
                return key
        return record.caller

    def _forget(self, index: int) -> tuple[Splat, ...]:
        """Close the reports that no record can continue."""
        for splat in self._open.values():
            if splat.is_over(index):
                gone = [key for key, splat in self._open.items() if splat.is_over(index)]
                return tuple(self._close(self._open.pop(key)) for key in gone)
        return ()

    def _notice(self, index: int, record: Record | Line, current: OpenSplat | None) -> tuple[Splat, ...]:
        """Note lines that may precede a report, and a kernel that starts before the last one has ended."""
        text = record.text
        if text.startswith(PREAMBLES) and PREAMBLE.match(text):
            if current is None or current.last != index:
                self._announced[record.caller] = index
            return ()
        is_unexpected = self._boots.notice(index, record)
        if is_unexpected is None:
            return ()
        return (*self.finish(), _REBOOT(first=index, last=index)) if is_unexpected else self.finish()


def find_splats(records: Iterable[Record], files: Mapping[str, str] | None = None) -> tuple[Splat, ...]:
    """Return the splats in the records, in the order of their first records.

    `files` has the file of each function by this kernel's debug information; it overrides the general table.

    Linear in the number of records; never raises. Spans overlap only where the records tell two callers apart
    that print at once. What user space wrote to /dev/kmsg is never a splat.
    """
    reader = Reader(files)
    found = [splat for index, record in enumerate(records) for splat in reader.feed(index, record)]
    return tuple(sorted([*found, *reader.finish()], key=lambda splat: splat.first))


def _tell(
    row: Row, kind: Kind, matched: tuple[tuple[str, str], ...], text: str, files: Mapping[str, str]
) -> _Told:
    """Return title, function and the other parts of a report that do not depend on its place in the log."""
    groups = dict(matched)
    if row.kind is Kind.RUST_PANIC and not groups["message"]:
        groups["message"] = _rust_message(text.split("\n")) or f"panicked at {groups['where']}"
    report = read_report(row, groups.get("function", ""), text, files)
    function = find_function(report)
    tasks = find_tasks(text)
    if "{access}" in row.title:
        groups["access"] = next((found[1] for line in report.lines if (found := _ACCESS.match(line))), "")
    title = " ".join(row.title.format(**groups).split()) or "Oops"
    # a Rust panic's file without the directory, which depends on how the kernel was built
    told = f"{groups.get('where', '').rpartition('/')[2]} {title}"
    blamed = "/".join(filter(None, (function, find_checker(report, function))))
    return _Told(
        kind=kind,
        title=f"{title} in {blamed}" if row.located and blamed else title,
        function=function,
        fingerprint=fingerprint(kind, told, filter(None, chain((function,), find_chain(report)))),
        task=tasks.own or tasks.printing,
        damage=find_damage(report, function, tasks.own),
    )


def _rust_message(lines: list[str]) -> str:
    """Return the line after a Rust panic's first one, "" if another record came between."""
    text = lines[1] if len(lines) > 1 else ""
    return "" if not text or PREAMBLE.match(text) or find_headline(text) else text
