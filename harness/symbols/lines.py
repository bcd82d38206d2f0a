"""Finds the lines of source that splats point at, by debug information.

Owns which frames of a splat are looked up, and reads the source around the blamed line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed import runfiles
from rustbed.errors import HostError
from rustbed.log.annotate import annotate
from rustbed.log.frame import Frame
from rustbed.log.record import Record
from rustbed.log.splat import Kind, Splat
from rustbed.log.symbolize import (
    LIBRARY,
    Blame,
    Build,
    Place,
    Symbols,
    blame_frame,
    find_frames,
    refine,
    said_by_panic,
)

if TYPE_CHECKING:
    from rustbed.symbols.debugfiles import DebugFiles

# lines of source shown before and behind a blamed one
_AROUND = 3
# most splats that are looked up, because a flood has thousands
_MOST = 20
# modules that were loaded, each with taints in brackets behind its name
_LINKED = re.compile(r"\s*Modules linked in:(?P<names>[^\[\n]*)")


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What debug information adds to a log."""

    # with readable frames
    records: tuple[Record, ...]
    # by what was found in the log: the same with its function, file and line
    refined: dict[Splat, Splat]
    # the place that each refined splat points at, if it is known
    blames: dict[Splat, Blame]
    # reasons why frames were not found, a line each
    notes: tuple[str, ...]


def read_lines(
    records: Sequence[Record], splats: Sequence[Splat], files: DebugFiles | None, build: Build
) -> Lines:
    """Return the source places of these splats; without files only those that the log itself names.

    `build` has what is known about the kernel that wrote the log.
    """
    wanted = [splat for splat in splats if splat.first <= splat.last][:_MOST]
    spans = [records[splat.first : splat.last + 1] for splat in wanted]
    # of each report by itself: where the processor stopped in one may be a call in another
    frames = list(dict.fromkeys(frame for span in spans for frame in find_frames(span)))
    try:
        symbols = _look_up(frames, files, build) if files is not None and frames else Symbols()
    except HostError as error:
        symbols = Symbols(notes=(error.headline,))
    shown, refined, blames = list(records), {}, {}
    panics: dict[Place, Place | None] = {}
    for splat, span in zip(wanted, spans, strict=True):
        shown[splat.first : splat.last + 1] = annotate(span, symbols)
        said = said_by_panic(span) if splat.kind is Kind.RUST_PANIC and not splat.function else None
        if said is not None and said not in panics:
            panics[said] = _find_panicked(said, span, files)
        panicked = panics[said] if said is not None else None
        known, blame = refine(splat, records, replace(symbols, panicked=panicked))
        refined[splat] = known
        if blame is not None:
            blames[known] = replace(blame, source=_read_source(blame))
    return Lines(records=tuple(shown), refined=refined, blames=blames, notes=symbols.notes)


def _find_panicked(said: Place, records: Sequence[Record], files: DebugFiles | None) -> Place | None:
    """Return the function of a Rust panic by the line that its message names, for a stack that lacks it.

    On loongarch, for example, functions that never return store no return address.
    """
    if files is None or LIBRARY.match(said.file):
        return None
    from rustbed.symbols.linetable import find_functions  # noqa: PLC0415 - most panics show their function

    found: set[Place] = set()
    for name in _linked(records):
        if (file := files.files.get(name)) is not None:
            # what cannot be read was noted when frames were looked up
            with suppress(HostError, OSError, ValueError):
                found |= find_functions(file, files, said)
    # code of a line may be in a function and in a closure of it
    return found.pop() if len(found) == 1 else None


def _linked(records: Sequence[Record]) -> Iterator[str]:
    """Yield the loaded modules that a report lists."""
    for record in records:
        if match := _LINKED.match(record.text):
            yield from (name.partition("(")[0] for name in match["names"].split())


def read_place(frame: Frame, files: DebugFiles | None) -> Blame:
    """Return the source place of a frame; without debug information only its function."""
    symbols = Symbols()
    if files is not None:
        with suppress(HostError):
            symbols = _look_up([frame], files, Build())
    blame = blame_frame(frame, symbols)
    return replace(blame, source=_read_source(blame))


def _look_up(frames: Sequence[Frame], files: DebugFiles, build: Build) -> Symbols:
    from rustbed.symbols.symbolizer import look_up  # noqa: PLC0415 - most logs come without debug information

    return look_up(frames, files, build)


def find_debug_files(
    log: Path, *, vmlinux: Path | None, modules: Path | None, cache_root: Path
) -> DebugFiles | None:
    """Return the files for a log's addresses: those that were given, else those of its run directory.

    `modules` is searched for module files. None if there are no files. Raises UsageError for a given path
    that does not exist.
    """
    kept = log.parent / runfiles.SYMBOLS
    if vmlinux is None and modules is None and not kept.is_file():
        return None
    from rustbed.symbols.debugfiles import find_files, parse_files  # noqa: PLC0415 - as above

    if vmlinux is not None or modules is not None:
        return find_files(vmlinux, modules, _find_symbolizer(cache_root))
    files = parse_files(kept.read_text())
    if files.symbolizer and Path(files.symbolizer[0]).is_file():
        return files
    return replace(files, symbolizer=_find_symbolizer(cache_root))


def _find_symbolizer(cache_root: Path) -> tuple[str, ...]:
    """Return the command of llvm-symbolizer: the host's own, else that of an existing toolroot."""
    from rustbed import host  # noqa: PLC0415 - as above

    for root in (None, *sorted(cache_root.glob("toolroots/*/root"))):
        with suppress(HostError):
            return host.program_in(root, "llvm-symbolizer", package="llvm")
    # if it is missing, that is noted when it is used
    return ("llvm-symbolizer",)


def _read_source(blame: Blame) -> tuple[tuple[int, str], ...]:
    """Return the lines around a blamed one, with their numbers; none if the source is not on this host."""
    try:
        lines = Path(blame.path).read_text(errors="replace").splitlines() if blame.path else []
    except OSError:
        return ()
    first = max(1, blame.line - _AROUND)
    return tuple(enumerate(lines[first - 1 : blame.line + _AROUND], start=first)) if blame.line else ()
