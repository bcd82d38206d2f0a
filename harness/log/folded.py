"""Joins lines that a mail program or a terminal broke at its width.

A record begins with its time. A line without a time continues the line before if that has the full width, and
if this holds for all such lines of a text. A text that may be whole is not changed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

# the beginning of a record, perhaps quoted: the kernel's time, or the date of `dmesg -T` and syslog
_RECORD = re.compile(
    r"(?:> ?)*(?:<\d{1,6}>)?(?:\[ *\d{1,12}\.\d{6}\]|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
    r"|\[?(?:[A-Z][a-z]{2} ){1,2}[ \d]\d \d\d:\d\d:\d\d\b)(?:\[ *[CT]\d{1,10}\])?"
)
# blanks instead of a time
_PADDING = " " * 15
# after this many blocks without a record, none is expected
_LOOKED = 4
_QUOTES = re.compile(r"\A(?:> ?)+")
# characters of a line: the narrowest text, the widest mail, the widest terminal
_NARROW, _MAIL, _WIDE = 60, 100, 250
# share of the broken lines that have the full width, if words were broken: trailing blanks are lost
_MOST = 0.75
# different lines that must be broken, and of a terminal of usual width
_ENOUGH, _USUAL, _ENOUGH_THERE = 3, 80, 2
# most words that did not fit are this long; few whole lines end so close to the width
_WORD = 8
# at most this many blanks between two words are lost
_BLANKS = 3
# texts that a kernel prints on one line: a single broken one shows how a text was broken
_ONE_PIECE = re.compile(
    r"""
    # who runs, the headline of die() with its number: lib/dump_stack.c, arch/*/kernel/traps.c
    \bCPU:\ \d{1,5}\ .{0,40}Comm:\ \S.{0,19}\ (?:Not\ tainted|Tainted:\ [A-Z ]{1,40})\ \S{1,64}\ \#\d
    | :\ [0-9a-f]{4,16}\ \[\#\d{1,4}\]
    # __warn() and the end of panic() in kernel/panic.c
    | \bWARNING:\ \S{1,120}:\d{1,6}\ at\ \S{1,512}\+0x\S{3,40}\ (?:\[\S{1,64}\],\ )?
      CPU\#\d{1,4}:\ \S.{0,19}/\d
    | \bWARNING:\ CPU:\ \d{1,5}\ PID:\ \d{1,10}\ at\ \S{1,120}:\d{1,6}
      \ \S{1,512}\+0x[0-9a-f]{1,6}/0x[0-9a-f]
    | ---\[\ end\ Kernel\ panic\ -\ not\ syncing:\ .{1,200}\ \]---
    # mm/kasan/report.c and its like, lib/ubsan.c, lib/smp_processor_id.c, kernel/locking/lockdep.c
    | \bBUG:\ K[A-Z]{3,5}:\ [\w-]{1,40}(?:\ [\w-]{1,40}){0,5}\ in\ \S{1,512}\+0x[0-9a-f]{1,6}/0x[0-9a-f]
    | \bUBSAN:\ [\w-]{1,40}(?:\ [\w-]{1,40}){0,5}\ in\ \S{1,200}:\d{1,6}:\d
    | \ in\ preemptible\ \[[0-9a-f]{8}\]\ code:\ \S.{0,19}/\d
    | \{[-+.?]{2,8}\}(?:-\{\d:\d\})?,\ at:\ \S{1,512}\+0x[0-9a-f]{1,6}/0x[0-9a-f]
    # mm/oom_kill.c, init/do_mounts.c, fs/sysfs/dir.c, lib/kobject.c
    | \ invoked\ oom-killer:\ gfp_mask=\S{1,200},\ (?:nodemask=\S{1,64},\ )?order=-?\d{1,3},\ oom_score_adj=
    | \bOut\ of\ memory:\ Killed\ process\ \d{1,10}\ \(.{1,20}\)\ total-vm:\d{1,20}kB,\ anon-rss:\d
    | \bUnable\ to\ mount\ root\ fs\ on\ (?:unknown-block\(\d{1,5},\d{1,7}\)|\"[^\"]{1,200}\")
    | \bcannot\ create\ duplicate\ filename\ '[^']{1,200}'
    | \ failed\ for\ \S{1,64}\ with\ -EEXIST,\ don't\ try\ to\ register\ things\ with\ the\ same\ name
      \ in\ the\ same\ directory
    # rulers of mm/slub.c, of the sanitizers and of kernel/locking/lockdep.c's lists
    | (?:\]\ |^)(?:={77}|-{77}|={66})$
    # rust/kernel/lib.rs, arch/x86/mm/extable.c
    | \bpanicked\ at\ (?:'.{1,400}',\ )?\S{1,200}\.rs:\d{1,6}:\d
    | \bunchecked\ MSR\ access\ error:\ .{1,80}\ at\ rIP:\ 0x[0-9a-f]{8,16}\ \(\S{1,512}\+0x
    # a frame
    | \]\ {1,2}[A-Za-z_][\w.]{0,1024}\+0x[0-9a-f]{1,6}/0x[0-9a-f]
    # arch/mips/mm/fault.c, arch/loongarch/mm/fault.c
    | \ virtual\ address\ [0-9a-f]{8,16},\ e\w{1,3}\ ==\ [0-9a-f]{8,16},\ ra\ ==\ [0-9a-f]{8}
    """,
    re.VERBOSE,
)
_NUMBERS = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """How a text was broken."""

    # characters of a line
    width: int
    # whether lines were broken in the middle of words
    is_filled: bool
    # characters added before the rest of a broken line, if words were broken
    indent: int = 0
    # how many of them are beyond the width
    beyond: int = 0


def unfold(blocks: Iterable[str]) -> Iterator[str]:
    """Yield blocks of whole lines: the number of lines stays, and each record is whole on its first line."""
    blocks = iter(blocks)
    held = ""
    fold = None
    for count, block in enumerate(blocks):
        lines = (held + block).replace("\r\n", "\n").split("\n")
        starts = [number for number, line in enumerate(lines) if _RECORD.match(line)]
        if not starts and count < _LOOKED:
            yield block
            continue
        rests = _rests(lines, starts)
        fold = _find_fold(lines, starts, rests, fold) if starts else None
        if not fold or starts == [0]:
            # the first records show that a text is whole, as most are; or the log is over
            break
        # the last record may go on in the next block
        held = "\n".join(lines[starts[-1] :])
        if starts[-1]:
            yield "".join(line + "\n" for line in _joined(lines[: starts[-1]], rests, fold))
    else:
        block = ""
    if last := held + block:
        yield _join_first(last, fold) if fold else last
    yield from blocks


def _join_first(text: str, fold: _Fold) -> str:
    """Return a text whose first record is whole."""
    lines = text.split("\n")
    due = takewhile(lambda number: _is_due(lines, number, fold.width), _rests(lines, [0, len(lines)]))
    return "\n".join(_joined(lines, list(due), fold))


def _rests(lines: Sequence[str], starts: Sequence[int]) -> list[int]:
    """Return the numbers of the lines that would go on with a record, up to the next or to an empty line.

    dmesg pads further lines of a message with as many blanks as the time has.
    """
    return [
        number
        for start, end in pairwise(starts)
        for number in takewhile(lambda number: _rest(lines[number]).strip(), range(start + 1, end))
        if not _rest(lines[number]).startswith(_PADDING)
    ]


def _find_fold(
    lines: Sequence[str], starts: Sequence[int], rests: Sequence[int], known: _Fold | None
) -> _Fold | None:
    """Return how a text was broken, None if it may be whole; `known` is how the part before it was."""
    if known and known.is_filled:
        beyond = known.beyond or _beyond(lines, rests, known.indent)
        is_wider = _width(lines, starts, rests, beyond) > known.width
        return None if is_wider else replace(known, beyond=beyond)
    # the last record may be broken, too, but other text may follow it
    tail = [number for number in _rests(lines, [starts[-1], len(lines)]) if lines[number - 1]]
    indent = _indent(lines, rests or tail)
    beyond = _beyond(lines, rests or tail, indent)
    width = max(_width(lines, starts, rests, beyond), known.width if known else _NARROW)
    undue = sum(not _is_due(lines, number, width) for number in rests)
    if known:
        return replace(known, width=width) if width <= _MAIL and undue * 4 <= len(rests) else None
    gaps = _gaps(lines, [*rests, *tail], width, indent)
    broken = [lines[number - 1] for number in rests]
    is_filled = sum(len(line) in (width, width + beyond) for line in broken) >= len(broken) * _MOST
    # in one line of ten, any number of blanks before a word may be lost, too; in more, if a blank is proven
    is_mail = undue * (4 if gaps == {" "} else 10) <= len(rests)
    is_filled = is_filled or gaps == {""} or ("" in gaps and not is_mail)
    if width > (_WIDE if is_filled else _MAIL) or not (is_filled or is_mail):
        return None
    ends = {*starts, *rests}.difference(number - 1 for number in rests)
    whole = sum(len(lines[number]) >= width - (1 if is_filled else _WORD) for number in ends)
    enough = _ENOUGH_THERE if is_filled and width == _USUAL else _ENOUGH
    if _kinds(broken) < enough or whole > len(broken) * (1 if is_filled else 2):
        if not gaps:
            return None
        is_filled = is_filled and gaps != {" "}
    return _Fold(width=width, is_filled=is_filled, indent=indent, beyond=beyond)


def _width(lines: Sequence[str], starts: Sequence[int], rests: Sequence[int], beyond: int) -> int:
    """Return how wide the widest line is without what is beyond the width in the rests of lines."""
    breakable = [(number, beyond) for number in rests] + [(number, 0) for number in starts]
    widths = (len(lines[number]) - more for number, more in breakable if _is_breakable(lines[number]))
    return max(widths, default=0)


def _beyond(lines: Sequence[str], rests: Sequence[int], indent: int) -> int:
    """Return the indent if it was added to parts of the full width, as those in the middle of a line show."""
    begins = {number - 1 for number in rests}
    first = [len(lines[number]) for number in begins.difference(rests)]
    inner = [len(lines[number]) for number in begins.intersection(rests)]
    width = max(first, default=0)
    full = inner.count(width + indent)
    return indent if full and first.count(width) + full >= len(begins) * _MOST else 0


def _indent(lines: Sequence[str], rests: Sequence[int]) -> int:
    """Return how many blanks begin each rest of a broken line; a single one may be the kernel's."""
    blanks = [rest[: len(rest) - len(rest.lstrip())] for rest in (_rest(lines[number]) for number in rests)]
    least = min(blanks, default="")
    return len(least) if least != " " else 0


def _is_breakable(line: str) -> bool:
    """Whether a line has more than one word: mail leaves a long word as it is."""
    record = _RECORD.match(line)
    return " " in (line[record.end() :] if record else _rest(line)).strip()


def _is_due(lines: Sequence[str], number: int, width: int) -> bool:
    """Whether the line before had no room for the first word of this one and the blanks between them."""
    rest = _rest(lines[number])
    blanks = len(rest) - len(rest.lstrip()) + _BLANKS
    return len(lines[number - 1]) + blanks + len(rest.lstrip().partition(" ")[0]) > width


def _gaps(lines: Sequence[str], rests: Sequence[int], width: int, indent: int) -> set[str | None]:
    """Return what joins the parts of lines that the kernel prints in one piece: a blank, nothing, either.

    None is among them if such a text stands behind another line's beginning, which tells neither.
    """
    told: set[str | None] = set()
    either: set[str | None] = set()
    for parts in _broken_lines(lines, rests, indent):
        filled = ("".join(part.ljust(width) for part in parts[:-1]) + parts[-1], max(len(parts[0]), width))
        spaced = (" ".join(part.strip() for part in parts), len(parts[0]))
        fitting = {gap for gap, (joined, end) in (("", filled), (" ", spaced)) if _is_joined(joined, end)}
        if len(fitting) == 1:
            told |= fitting
        either |= fitting or {None for part in parts[1:] if _ONE_PIECE.search(part)}
    return told or either


def _is_joined(line: str, end: int) -> bool:
    """Whether a text that the kernel prints in one piece spans the end of a line's first part."""
    return any(piece.start() < end < piece.end() for piece in _ONE_PIECE.finditer(line))


def _broken_lines(lines: Sequence[str], rests: Sequence[int], indent: int) -> Iterator[list[str]]:
    """Yield the parts of each broken line."""
    parts: list[str] = []
    for before, number in pairwise((-1, *rests)):
        if number != before + 1:
            if parts:
                yield parts
            parts = [lines[number - 1]]
        parts.append(_rest(lines[number])[indent:])
    if parts:
        yield parts


def _kinds(lines: Iterable[str]) -> int:
    """Return how many lines differ in more than numbers, because a program may repeat a line."""
    return len({_NUMBERS.sub("", line) for line in lines})


def _rest(line: str) -> str:
    return _QUOTES.sub("", line) if line.startswith(">") else line


def _joined(lines: Sequence[str], rests: Sequence[int], fold: _Fold) -> list[str]:
    """Return the joined lines; the number of lines stays, with empty ones for the joined parts."""
    joined = list(lines)
    first = 0
    for before, number in pairwise((-1, *rests)):
        first = first if number == before + 1 else number - 1
        rest = _rest(lines[number])
        if fold.is_filled:
            beyond = fold.beyond if number == before + 1 else 0
            gap = " " * (fold.width + beyond - len(lines[number - 1]))
            joined[first] += gap + rest[fold.indent :]
        else:
            joined[first] += " " + rest.lstrip()
        joined[number] = ""
    return joined
