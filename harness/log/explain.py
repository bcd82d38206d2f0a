"""Any log from anywhere: its splats by line number, as text for people and as JSON for programs.

Owns the way through a log that is larger than memory should be, and how splats are shown. Pure: takes
and gives text. Lines are counted from 0 inside and from 1 in what is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rustbed.log.annotate import render_blame
from rustbed.log.demangle import demangle_all
from rustbed.log.formats.row import Kind
from rustbed.log.record import Record, parse_lines, render_record, split_lines, strip_ansi
from rustbed.log.splat import Reader, Splat, may_hold_splat
from rustbed.log.symbolize import Blame

# lines before a splat's headline that may be of it
_BEFORE = 8
# splats that are shown with an excerpt, and lines of an excerpt
_SHOWN, _EXCERPT = 20, 24
_JSON = json.JSONEncoder(ensure_ascii=False)
# characters of a line in an excerpt
_WIDTH = 200

# lines that tell a person little: registers, code, memory, guesses of the unwinder
_DULL = re.compile(
    r"\s*(?:Modules linked in:|Hardware name:|Code:|Stack:|(?!RIP: 0010)[CDEFGRPS][A-Z0-9]{1,4}\d?:"
    r"|(?:lr|sp|[xr]\d+|gp|t\d|s\d+|a\d) ?: ?[0-9a-f]|(?:status|pstate):|</?[A-Z]\w*>"
    r"|\[?[0-9a-f]{8,16}\]?[: ]|[=-]{20,}$|(?:\[<[0-9a-f]+>\] *)*\? |$)"
)
# a boot loader's last words
_HANDED_OVER = re.compile(
    r".{0,200}(?:Booting the kernel\.|Starting kernel \.\.\.|Exiting boot services|Booting Linux on"
    r"|Jumping to kernel)"
)


def find_in_blocks(blocks: Iterable[str]) -> tuple[Splat, ...]:
    """Return the splats of a log given in blocks of whole lines; `first` and `last` are line numbers.

    Needs memory for a block and for what it returns. Never raises. A log without a word, or one that ends
    with a boot loader's last, has one splat, of silence.
    """
    reader = Reader()
    found: list[Splat] = []
    number, last, held = 0, (0, ""), ""
    for block in blocks:
        if text := block.rstrip():
            last = number + text.count("\n"), text.rpartition("\n")[2]
        plain = strip_ansi(block)
        if reader.is_idle and not may_hold_splat(plain):
            reader.skip(plain)
            held = _last_lines(held + block)
        else:
            text = held + block
            for line in split_lines(text, number - held.count("\n")):
                found += reader.feed(line.number, line)
            held = ""
        number += block.count("\n")
    found += reader.finish()
    return tuple(sorted(found, key=lambda splat: splat.first)) or _silence(*last)


def _last_lines(block: str) -> str:
    """Return the last whole lines of a block: they may come before a splat in the next one."""
    if not block.endswith("\n"):
        return ""
    start = len(block) - 1
    for _ in range(_BEFORE):
        start = block.rfind("\n", 0, start)
        if start < 0:
            return block
    return block[start + 1 :]


def _silence(number: int, line: str) -> tuple[Splat, ...]:
    if line and not _HANDED_OVER.match(line):
        return ()
    title = "silence after the boot loader's last words" if line else "silence from the first line on"
    last = number if line else -1
    return (
        Splat(kind=Kind.SILENCE, title=title, function="", fatal=False, first=last + (not line), last=last),
    )


def read_spans(
    blocks: Iterable[str], splats: Sequence[Splat]
) -> tuple[tuple[Record, ...], tuple[Splat, ...]]:
    """Return the records of the first splats, and these splats with indices of the records.

    `splats` are those of `find_in_blocks`; of a large number only the first few are returned. A record's
    `seq` is its line number.
    """
    wanted = splats[:_SHOWN]
    end = max((splat.last for splat in wanted), default=-1)
    spans: list[list[Record]] = [[] for _ in wanted]
    for record in _records(blocks, end):
        for splat, span in zip(wanted, spans, strict=True):
            if splat.first <= record.seq <= splat.last:
                span.append(record)
    records: list[Record] = []
    placed = []
    for splat, span in zip(wanted, spans, strict=True):
        placed.append(replace(splat, first=len(records), last=len(records) + len(span) - 1))
        records += span
    return tuple(records), tuple(placed)


def _records(blocks: Iterable[str], end: int) -> Iterator[Record]:
    number = 0
    for block in blocks:
        if number > end:
            return
        yield from parse_lines(block, number)
        number += block.count("\n")


def render_json(splats: Iterable[Splat]) -> Iterator[str]:
    """Yield the text of a list of objects; lines are those of the log, from 1, the last one included."""
    yield "["
    comma = ""
    for splat in splats:
        shown = {
            "kind": splat.kind.value,
            "title": splat.title,
            "function": splat.function,
            "file": splat.file,
            "line": splat.line,
            "corrupted": splat.corrupted,
            "fatal": splat.fatal,
            "first_line": splat.first + 1,
            "last_line": splat.last + 1,
        }
        yield f"{comma}\n  {_JSON.encode(shown)}"
        comma = ","
    yield "\n]\n" if comma else "]\n"


def render_text(
    name: str,
    splats: Sequence[Splat],
    records: Sequence[Record],
    placed: Sequence[Splat],
    blames: Mapping[Splat, Blame],
) -> str:
    """Render splats for a person: equal ones together, each with an excerpt at its first occurrence.

    `records` and `placed` are what `read_spans` returned, the records perhaps annotated. `blames` has
    where splats point at, as far as anybody can tell.
    """
    if not splats:
        return f"{name}: no splats"
    alike: dict[tuple[Kind, str], list[Splat]] = {}
    for splat in splats:
        alike.setdefault((splat.kind, splat.title), []).append(splat)
    total = f"{len(splats)} splat{'s' if len(splats) > 1 else ''}"
    parts = [f"{name}: {total}" + (f", {len(alike)} different" if len(alike) < len(splats) else "")]
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
    """Yield the lines of a report that tell most, with their numbers; what is left out between is marked."""
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
