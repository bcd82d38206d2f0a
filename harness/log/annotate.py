"""Renders records and blame for people: names, files, lines, and the calls between Rust and C. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rustbed.log.demangle import demangle_all
from rustbed.log.frame import LINE, read_frames
from rustbed.log.record import Record
from rustbed.log.registers import is_state
from rustbed.log.symbolize import LIBRARY, Blame, Located, Place, Symbols

# column at which a frame's place begins, behind its function
_COLUMN = 64
# at most this many library functions are shown of those inlined into each other at one address
_GLUE = 2


def annotate(records: Sequence[Record], symbols: Symbols) -> tuple[Record, ...]:
    """Return records whose frames have readable names, files and lines, and inlined functions above them.

    A line marks each change between Rust and C. Library functions inlined between
    a driver's own are left out.
    """
    made = []
    # whether the frame above is in Rust; None if there is none
    rust: bool | None = None
    frames = iter(read_frames([line for record in records for line in record.text.split("\n")]))
    for record in records:
        text: list[str] = []
        for line in record.text.split("\n"):
            frame = next(frames)
            located = symbols.found.get(frame) if frame else None
            if located is None or not located.places:
                text.append(demangle_all(line))
                # unknown frames, frames of earlier calls and arm's registers do not end a trace
                rust = rust if LINE.match(line) or is_state(line) else None
                continue
            for place in _shown(located):
                if rust is not None and place.file and place.is_rust is not rust:
                    text.append(
                        " ---- Rust above, C below ----" if rust else " ---- C above, Rust below ----"
                    )
                rust = place.is_rust if place.file else rust
                text.append(_render_place(line, place, inlined=place is not located.places[-1]))
        made.append(replace(record, text="\n".join(text)))
    return tuple(made)


def _shown(located: Located) -> Iterator[Place]:
    """Yield the places of a frame, without the library's glue between and above a driver's own functions."""
    own = False
    for depth, place in enumerate(located.places):
        library = LIBRARY.match(place.file) is not None
        if not library or (not own and depth < _GLUE) or place is located.places[-1]:
            yield place
        own = own or not library


def _render_place(line: str, place: Place, *, inlined: bool) -> str:
    match = LINE.match(line)
    if inlined or match is None:
        text = f"   {place.function} (inlined)"
    else:
        # an address without a symbol is kept: the name is ours, not the kernel's
        behind = line[match.end("symbol") :] if match["symbol"] else f" {line[match.start('address') - 2 :]}"
        text = f"{match['head'] or ' '}{place.function}{behind}"
    return f"{text:<{_COLUMN}} {place}".rstrip()


def render_stuck(hang: str, blame: Blame) -> str:
    """Render a hang in a driver as one line: its kind and where the driver is stuck."""
    where = f", {blame.file.rpartition('/')[2]}:{blame.line}" if blame.file else ""
    return f"{hang}: stuck in {blame.function}{where}"


def render_blame(blame: Blame) -> str:
    """Render where a report points at, with the lines around it if they are at hand."""
    where = f"{blame.file}:{blame.line}" if blame.file else ""
    text = [f"{where} in {blame.function}" if where and blame.function else where or blame.function]
    width = len(str(max((number for number, _ in blame.source), default=0)))
    text += [
        f"{'>' if number == blame.line else ' '} {number:>{width}} | {line}".rstrip()
        for number, line in blame.source
    ]
    return "\n".join(text)
