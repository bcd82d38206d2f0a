"""Explains one log: its splats, with file and line where they are known.

Owns the reading of logs; harness/log/ finds and renders splats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rustbed.errors import UsageError
from rustbed.log.annotate import render_stuck
from rustbed.log.explain import Found, read_log, read_spans, render_text
from rustbed.log.formats.row import Kind
from rustbed.log.record import parse_lines
from rustbed.log.splat import Splat
from rustbed.log.stuck import FIRST, HangLog, parse_hang
from rustbed.log.symbolize import Build, find_build
from rustbed.log.unwrap import Unwrapper
from rustbed.logfiles import open_bytes, open_log
from rustbed.symbols.lines import read_lines, read_place

if TYPE_CHECKING:
    from rustbed.symbols.debugfiles import DebugFiles

# bytes of a log in one block
_BLOCK = 16 * 1024
# in journalctl -o export, before a message of several lines: its size
_SIZE = re.compile(rb"(?:\A|(?<=\nMESSAGE\n))[^\0]{1,3}\0{5,7}", re.DOTALL)
# most bytes of a hang.log that are read: it only has a few answers of a kernel
_HANG_LOG = 64 * 1024 * 1024
# of a path (PATH_MAX)
_LONGEST_NAME = 4096


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The explanation of a log."""

    name: str
    # with facts from debug information; `first` and `last` are line numbers
    splats: tuple[Splat, ...]
    # the explanation for people
    text: str
    # why debug information was not used for some frames, a line each
    notes: tuple[str, ...]


def explain(log: str | bytes | PathLike[str]) -> tuple[Splat, ...]:
    """Return the splats of a kernel log: its text, its bytes, or a path.

    Bytes and files may be compressed or packed as `rustbed explain` reads them; the splats of several logs in
    one archive come one after another. `first` and `last` of a splat are its lines, from 0. Raises UsageError
    for a log that cannot be read or is not text. Only a small part of a file is held in memory.
    """
    if isinstance(log, PathLike):
        logs = open_log(fspath(log))
    elif isinstance(log, str):
        # the name of a file, taken for a log of one line, would be a log without splats
        if log and "\n" not in log and len(log) < _LONGEST_NAME and _is_file(log):
            raise UsageError(f"{log!r} is the name of a file, not a log", fix=f"explain(Path({log!r}))")
        logs = open_bytes(log.encode(errors="replace"))
    else:
        logs = open_bytes(log)
    return tuple(splat for name, file in logs for splat in explain_log(name, file).splats)


def _is_file(name: str) -> bool:
    """Whether a text is the name of a file; that of a log may be too long for one."""
    try:
        return Path(name).is_file()
    except OSError:
        return False


def explain_log(name: str, log: BinaryIO, files: DebugFiles | None = None) -> Explained:
    """Return the splats of a log, with their places in the source if there is debug information.

    The log is read twice from its beginning. `files` are those of the kernel that wrote it.
    """
    if hang := _read_hang(log):
        return _explain_hang(name, hang, files)
    unwrapper = Unwrapper()
    read = read_log(_blocks(log), unwrapper)
    records, placed = read_spans(_blocks(log), read.splats, unwrapper)
    build = _find_build(_blocks(log)) if files is not None and placed else Build()
    lines = read_lines(records, placed, files, build)
    refined = []
    blames = {}
    for splat, place in zip(read.splats, placed, strict=False):
        known = lines.refined.get(place, place)
        refined.append(replace(known, first=splat.first, last=splat.last))
        if known in lines.blames:
            blames[refined[-1]] = lines.blames[known]
    splats = (*refined, *read.splats[len(placed) :])
    text = render_text(name, replace(read, splats=splats), lines.records, placed, blames)
    return Explained(name=name, splats=splats, text=text, notes=lines.notes)


def _read_hang(log: BinaryIO) -> HangLog | None:
    """Return the explanation of a hang.log, None for another log."""
    log.seek(0)
    is_one = log.read(len(FIRST)) == FIRST.encode()
    log.seek(0)
    return parse_hang(log.read(_HANG_LOG).decode(errors="replace")) if is_one else None


def _explain_hang(name: str, hang: HangLog, files: DebugFiles | None) -> Explained:
    """Return a hang.log as one splat, in the words of the test's verdict."""
    blame = read_place(hang.frame, files) if hang.frame else None
    splat = Splat(
        kind=Kind.HANG,
        title=render_stuck(hang.hang, blame) if blame else f"{hang.hang}: {hang.why}",
        function=blame.function if blame else "",
        file=(blame.file or None) if blame else None,
        line=(blame.line or None) if blame else None,
        fatal=False,
        first=hang.records[0].seq,
        last=hang.records[-1].seq,
    )
    place = replace(splat, first=0, last=len(hang.records) - 1)
    lines = read_lines(hang.records, [place], files, Build())
    read = Found(splats=(splat,), lines=hang.lines, is_timed=True)
    text = render_text(name, read, lines.records, [place], {splat: blame} if blame else {})
    return Explained(name=name, splats=(splat,), text=text, notes=lines.notes)


def _find_build(blocks: Iterable[str]) -> Build:
    """Return the facts about the kernel in a log; if several were booted, about the last one."""
    telling = (block for block in blocks if "Linux version " in block or "ainted" in block)
    return find_build(record for block in telling for record in parse_lines(block))


def _blocks(log: BinaryIO) -> Iterator[str]:
    """Yield a file from its beginning in blocks of complete lines, if lines end."""
    log.seek(0)
    while block := log.read(_BLOCK):
        block += log.readline(_BLOCK)
        if b"\0" in block:
            block = _SIZE.sub(b"", block)
        if b"\r" in block and b"\n" not in block:
            block = block.replace(b"\r", b"\n")
        yield block.decode(errors="replace").replace("\0", "").removeprefix("\ufeff")
