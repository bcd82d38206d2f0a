"""Reads a log of any size and shows its splats by line number, as text for people.

Owns the reading of logs that do not fit into memory, and how splats are shown. Pure: takes
and returns text. Lines are counted from 0 inside and from 1 in what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rustbed.log.annotate import render_blame
from rustbed.log.demangle import demangle_all
from rustbed.log.folded import unfold
from rustbed.log.formats.row import Kind
from rustbed.log.pasted import undo_pasting
from rustbed.log.record import Record, parse_lines, render_record
from rustbed.log.sieve import BEFORE, Sieve, read_telling
from rustbed.log.silence import find_silence
from rustbed.log.splat import Reader, Splat
from rustbed.log.symbolize import Blame
from rustbed.log.unwrap import Unwrapper

# splats that are shown with an excerpt, and lines of an excerpt
_SHOWN, _EXCERPT = 20, 24
# characters of a line in an excerpt
_WIDTH = 200

# lines of little use to people: registers, code, memory, guesses of the unwinder
_DULL = re.compile(
    r"\s*(?:Modules linked in:|Hardware name:|Code:|Stack:|(?!RIP: 0010)[CDEFGRPS][A-Z0-9]{1,4}\d?:"
    r"|(?:lr|sp|[xr]\d+|gp|t\d|s\d+|a\d) ?: ?[0-9a-f]|(?:status|pstate):|</?[A-Z]\w*>"
    r"|\[?[0-9a-f]{8,16}\]?[: ]|[=-]{20,}$|(?:\[<[0-9a-f]+>\] *)*\? |$)"
)
# a kernel's time, and its first words behind a logger's
_TIME = re.compile(r"\[ *\d{1,12}\.\d{6}\b")
_LOGGED_BANNER = re.compile(r"^.*\bkernel(?:\[\d+\])?: .*?Linux version ", re.MULTILINE)
# characters at the end of a log that are checked for silence
_TAIL = 8192


@dataclass(frozen=True, kw_only=True)
class Found:
    """The result of reading a whole log."""

    # `first` and `last` are line numbers
    splats: tuple[Splat, ...]
    # lines that the log has, and whether any has a kernel's time
    lines: int
    is_timed: bool


def read_log(blocks: Iterable[str], unwrapper: Unwrapper) -> Found:
    """Read a log given in blocks of whole lines.

    Needs memory for two blocks and for what it returns. Never raises. An empty log, or one that
    ends with a boot loader's last, has one splat, of silence. `unwrapper` learns the log's prefixes.
    """
    reader = Reader()
    found: list[Splat] = []
    # banners that a logger wrote to a file: it had stopped before the kernel ended
    logged: set[int] = set()
    number, held, tail, is_timed = 0, "", "", False
    sieve = Sieve()
    for block, ahead in _look_ahead(unfold(map(undo_pasting, blocks))):
        plain = unwrapper.open_journal(block)
        is_timed = is_timed or _TIME.search(plain) is not None
        text, start = held + plain, number - held.count("\n")
        telling = sieve.telling(text) if reader.is_idle else None
        if telling != []:
            unwrapper.learn(held, plain, ahead)
            logged |= _logged_banners(text, start)
            ended, left = read_telling(reader, sieve, unwrapper.strip(text), start, telling)
            found += ended
            held = _last_lines(text, min(left - 1, BEFORE))
        else:
            reader.skip(plain)
            held = _last_lines(text, BEFORE)
        number += block.count("\n")
        tail = (tail + block)[-_TAIL:]
    found += reader.finish()
    if unwrapper.is_journal:
        logged.update(splat.first for splat in found)
    splats = [splat for splat in found if splat.kind is not Kind.REBOOT or splat.first not in logged]
    return Found(
        splats=tuple(sorted(splats, key=lambda splat: splat.first)) or find_silence(tail, number),
        lines=number + bool(tail and not tail.endswith("\n")),
        is_timed=is_timed,
    )


def _logged_banners(text: str, start: int) -> set[int]:
    """Return the lines in which a logger wrote a kernel's banner."""
    if "Linux version " not in text:
        return set()
    return {start + text.count("\n", 0, banner.start()) for banner in _LOGGED_BANNER.finditer(text)}


def _look_ahead(blocks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each block with the next one, "" for the last."""
    before = ""
    for block in blocks:
        if before:
            yield before, block
        before = block
    if before:
        yield before, ""


def _last_lines(block: str, count: int) -> str:
    """Return the last whole lines of a block: they may come before a splat in the next one."""
    if count <= 0 or not block.endswith("\n"):
        return ""
    start = len(block) - 1
    for _ in range(count):
        start = block.rfind("\n", 0, start)
        if start < 0:
            return block
    return block[start + 1 :]


def read_spans(
    blocks: Iterable[str], splats: Sequence[Splat], unwrapper: Unwrapper
) -> tuple[tuple[Record, ...], tuple[Splat, ...]]:
    """Return the records of the first splats, and these splats with indices of the records.

    `splats` are those of `read_log`, `unwrapper` what it has learned; of a large number only the first few
    are returned. A record's `seq` is its line number.
    """
    wanted = splats[:_SHOWN]
    spans: list[list[Record]] = [[] for _ in wanted]
    for record in _records(blocks, wanted, unwrapper):
        for splat, span in zip(wanted, spans, strict=True):
            if splat.first <= record.seq <= splat.last:
                span.append(record)
    records: list[Record] = []
    placed = []
    for splat, span in zip(wanted, spans, strict=True):
        placed.append(replace(splat, first=len(records), last=len(records) + len(span) - 1))
        records += span
    return tuple(records), tuple(placed)


def _records(blocks: Iterable[str], wanted: Sequence[Splat], unwrapper: Unwrapper) -> Iterator[Record]:
    """Yield the records of the lines that splats span."""
    number, end = 0, max((splat.last for splat in wanted), default=-1)
    for block in unfold(map(undo_pasting, blocks)):
        if number > end:
            return
        text = unwrapper.open_journal(block)
        behind = number + block.count("\n")
        spans = [(max(splat.first, number), min(splat.last, behind)) for splat in wanted]
        first = min((first for first, last in spans if first <= last), default=behind + 1)
        last = max((last for first, last in spans if first <= last), default=-1)
        if first <= last:
            lines = unwrapper.strip(text).split("\n")[first - number : last + 1 - number]
            yield from parse_lines("\n".join(lines), first)
        number = behind


def render_text(
    name: str,
    read: Found,
    records: Sequence[Record],
    placed: Sequence[Splat],
    blames: Mapping[Splat, Blame],
) -> str:
    """Render splats for a person: equal ones together, each with an excerpt at its first occurrence.

    `read` is what `read_log` returned, `records` and `placed` what `read_spans` returned, the records perhaps
    annotated. `blames` has the source lines of splats that debug information or the log itself gives.
    """
    splats = read.splats
    understood = f"{read.lines:,} line{'s' if read.lines != 1 else ''}"
    understood += "" if read.is_timed else ", none with a kernel time"
    if not splats:
        return f"{name}: no splats ({understood})"
    alike: dict[tuple[Kind, str], list[Splat]] = {}
    for splat in splats:
        alike.setdefault((splat.kind, splat.title), []).append(splat)
    total = f"{len(splats)} splat{'s' if len(splats) > 1 else ''}"
    total += f", {len(alike)} different" if len(alike) < len(splats) else ""
    parts = [f"{name}: {total} ({understood})"]
    spans = {
        (splat.first, splat.last): records[place.first : place.last + 1]
        for splat, place in zip(splats, placed, strict=False)
    }
    for count, same in enumerate(alike.values(), start=1):
        first = same[0]
        span = spans.get((first.first, first.last), ())
        parts.append(_render_one(count, same, span, blames.get(first)))
    return "\n\n".join(parts)


def _render_one(count: int, same: Sequence[Splat], records: Sequence[Record], blame: Blame | None) -> str:
    splat = same[0]
    again = ", ".join(str(other.first + 1) for other in same[1:10])
    where = render_blame(blame).replace("\n", "\n" + " " * 13) if blame else ""
    rows = (
        ("kind", splat.kind.value + (", the machine died of it" if splat.fatal else "")),
        ("function", splat.function),
        ("source", where),
        ("task", splat.task),
        ("lines", f"{splat.first + 1} to {splat.last + 1}" if splat.last >= splat.first else ""),
        (
            "again",
            f"{len(same) - 1} times, at line {again}" + (", ..." if len(same) > 10 else "") if again else "",
        ),
        ("whole", f"no: {splat.damage}" if splat.damage else ""),
    )
    head = [f"{count}. {splat.title}", *(f"   {name:<9} {text}" for name, text in rows if text)]
    return "\n".join([*head, *(["", *_excerpt(records)] if records else [])])


def _excerpt(records: Sequence[Record]) -> Iterator[str]:
    """Yield the most useful lines of a report with their numbers; omissions are marked."""
    width = len(str(records[-1].seq + 1))
    shown = left = 0
    for record in records:
        if _DULL.match(record.text) or shown == _EXCERPT:
            left += 1
            continue
        if left:
            yield f"   {'':>{width}} | ..."
            left = 0
        text = demangle_all(render_record(record))
        for index, line in enumerate(text.split("\n")):
            yield f"   {record.seq + 1 if index == 0 else '':>{width}} | {line[:_WIDTH]}"
        shown += 1
    if left:
        yield f"   {'':>{width}} | ..."
