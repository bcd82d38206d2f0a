"""`rustbed explain`: names every splat of a log from anywhere, which is read twice and never held whole.

Owns the reading; what is found and how it is shown is in harness/log/explain.py.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from rustbed.cli.arguments import add_cache, read_cache
from rustbed.cli.terminal import complain
from rustbed.errors import UsageError
from rustbed.log.explain import find_in_blocks, read_spans, render_json, render_text
from rustbed.log.record import parse_lines
from rustbed.log.symbolize import Build, find_build
from rustbed.symbols.lines import find_debug_files, read_lines

# bytes of a log that are looked at together
_BLOCK = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What a log was found to hold."""

    has_splats: bool
    # pieces of the text that names them
    text: Iterator[str]
    # what debug information could not explain and why, a line each
    notes: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the log, and where debug information is."""
    add = parser.add_argument
    add("log", metavar="LOG", help="a file: console, dmesg, syslog, /dev/kmsg; - for stdin")
    add("--json", action="store_true", help="a list of objects in place of text")
    add(
        "--vmlinux",
        type=Path,
        metavar="FILE",
        help="of the log's kernel, with debug information",
    )
    add("--modules", type=Path, metavar="DIR", help="is searched for its modules (*.ko)")
    add_cache(parser)


def run(args: argparse.Namespace) -> int:
    """Return 0 if the log has no splat, 1 if it has some. Raises UsageError."""
    found = explain(
        args.log,
        as_json=args.json,
        vmlinux=args.vmlinux,
        modules=args.modules,
        cache_root=read_cache(args).root,
    )
    sys.stdout.writelines(found.text)
    for note in found.notes:
        complain(note)
    return 1 if found.has_splats else 0


def explain(
    name: str, *, as_json: bool, vmlinux: Path | None, modules: Path | None, cache_root: Path
) -> Explained:
    """Return what the splats of a log are, and where they are in source if debug information is at hand.

    "-" is standard input. `vmlinux` and the module files below `modules` are those of the kernel that
    wrote the log; without them those that its run directory names. Raises UsageError if one cannot be read.
    """
    files = find_debug_files(Path(name), vmlinux=vmlinux, modules=modules, cache_root=cache_root)
    with _open_log(name) as log:
        splats = find_in_blocks(_blocks(log))
        records, placed = read_spans(_blocks(log), splats)
        build = _find_build(_blocks(log)) if files is not None and placed else Build()
    lines = read_lines(records, placed, files, build)
    refined = []
    blames = {}
    for splat, place in zip(splats, placed, strict=False):
        known = lines.refined.get(place, place)
        refined.append(replace(known, first=splat.first, last=splat.last))
        if known in lines.blames:
            blames[refined[-1]] = lines.blames[known]
    splats = (*refined, *splats[len(placed) :])
    if as_json:
        text = render_json(splats)
    else:
        text = iter((render_text(name, splats, lines.records, placed, blames), "\n"))
    return Explained(has_splats=bool(splats), text=text, notes=lines.notes)


def _find_build(blocks: Iterable[str]) -> Build:
    """Return what a log says of its kernel; of several that were booted, the last."""
    telling = (block for block in blocks if "Linux version " in block or "ainted" in block)
    return find_build(record for block in telling for record in parse_lines(block))


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
