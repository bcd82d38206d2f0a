"""Splats and debug information to lines of source.

Owns what is looked up for which splat, and the reading of the source around
what is blamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed import runfiles
from rustbed.errors import HostError
from rustbed.log.annotate import annotate
from rustbed.log.frame import Frame
from rustbed.log.record import Record
from rustbed.log.splat import Splat
from rustbed.log.symbolize import Blame, Build, Symbols, blame_frame, find_frames, refine

if TYPE_CHECKING:
    from rustbed.symbols.debugfiles import DebugFiles

# lines of source shown before and behind a blamed one
_AROUND = 3
# splats that are looked at: the traces of a flood are not read
_MOST = 20


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What debug information adds to a log."""

    # with readable frames
    records: tuple[Record, ...]
    # by what was found in the log: the same with its function, file and line
    refined: dict[Splat, Splat]
    # where each refined splat points at, as far as anybody can tell
    blames: dict[Splat, Blame]
    # why not all could be told, a line each
    notes: tuple[str, ...]


def read_lines(
    records: Sequence[Record], splats: Sequence[Splat], files: DebugFiles | None, build: Build
) -> Lines:
    """Return what the records of these splats mean in source; without files only what the log itself says.

    `build` is what is known of the kernel that wrote the log.
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
    for splat, span in zip(wanted, spans, strict=True):
        shown[splat.first : splat.last + 1] = annotate(span, symbols)
        known, blame = refine(splat, records, symbols)
        refined[splat] = known
        if blame is not None:
            blames[known] = replace(blame, source=_read_source(blame))
    return Lines(records=tuple(shown), refined=refined, blames=blames, notes=symbols.notes)


def read_place(frame: Frame, files: DebugFiles | None) -> Blame:
    """Return where in the source a frame is; without debug information its function alone."""
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
    """Return what a log's addresses are looked up in: what was named, else what its run directory names.

    `modules` is searched for module files. None if there is nothing of either. Raises UsageError for
    what is not there.
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
    """Return how llvm-symbolizer is run: the host's own, else that of a toolroot; none is made for it."""
    from rustbed import host  # noqa: PLC0415 - as above

    for root in (None, *sorted(cache_root.glob("toolroots/*/root"))):
        with suppress(HostError):
            return host.program_in(root, "llvm-symbolizer", package="llvm")
    # its absence is noted where it is wanted
    return ("llvm-symbolizer",)


def _read_source(blame: Blame) -> tuple[tuple[int, str], ...]:
    """Return the lines around a blamed one, with their numbers; none if the source is not at hand."""
    try:
        lines = Path(blame.path).read_text(errors="replace").splitlines() if blame.path else []
    except OSError:
        return ()
    first = max(1, blame.line - _AROUND)
    return tuple(enumerate(lines[first - 1 : blame.line + _AROUND], start=first)) if blame.line else ()
