"""`rustbed explain`: reads a log from anywhere, twice, and never all at once.

Owns the reading; what is found and how it is shown is in harness/log/explain.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from harness.errors import UsageError
from harness.log.explain import find_in_blocks, read_spans, render_json, render_text
from harness.log.symbolize import Build
from harness.report.lines import read_lines

# bytes of a log that are looked at together
_BLOCK = 16 * 1024


def explain(name: str, *, as_json: bool) -> tuple[bool, Iterator[str]]:
    """Return whether a log has splats, and the pieces of the text that tells of them.

    "-" is standard input. Raises UsageError if the log cannot be read.
    """
    with _open_log(name) as log:
        splats = find_in_blocks(_blocks(log))
        records, placed = read_spans(_blocks(log), splats)
    known = read_lines(records, placed, None, Build()).refined
    refined = [
        replace(known.get(place, place), first=splat.first, last=splat.last)
        for splat, place in zip(splats, placed, strict=False)
    ]
    splats = (*refined, *splats[len(placed) :])
    text = render_json(splats) if as_json else iter((render_text(name, splats, records, placed), "\n"))
    return bool(splats), text


@contextmanager
def _open_log(name: str) -> Iterator[BinaryIO]:
    try:
        with tempfile.TemporaryFile() if name == "-" else Path(name).open("rb") as log:
            if name == "-":
                shutil.copyfileobj(sys.stdin.buffer, log)
            yield log
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _blocks(log: BinaryIO) -> Iterator[str]:
    """Yield a file from its beginning in blocks of whole lines, as far as lines end."""
    log.seek(0)
    while block := log.read(_BLOCK):
        yield (block + log.readline(_BLOCK)).decode(errors="replace")
