"""`rustbed explain`: names every splat of logs from anywhere.

Owns the call and its exit status; reading is in harness/explained.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rustbed.cli.arguments import add_cache, read_cache
from rustbed.cli.terminal import complain, say
from rustbed.errors import UsageError
from rustbed.explained import Explained, explain_log
from rustbed.log.objects import render_github, render_json
from rustbed.logfiles import list_logs, open_log
from rustbed.symbols.lines import find_debug_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the logs, and the files with debug information."""
    add = parser.add_argument
    add(
        "log",
        nargs="+",
        metavar="LOG",
        help="a file, directory or archive: console, dmesg, syslog, journal, /dev/kmsg; - for stdin",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print a JSON list instead of text")
    shown.add_argument(
        "--github", action="store_true", help="print annotations of source lines for GitHub Actions"
    )
    add(
        "--vmlinux",
        type=Path,
        metavar="FILE",
        help="vmlinux of the log's kernel, with debug information",
    )
    add("--modules", type=Path, metavar="DIR", help="directory to search for its modules (*.ko)")
    add_cache(parser)


def run(args: argparse.Namespace) -> int:
    """Return 0 if no log has a splat, 1 if one has, 2 if one cannot be read (the others are still shown)."""
    splats, status = False, 0
    shown: list[Explained] = []
    for name in args.log:
        for found in _explain_each(name, args):
            if isinstance(found, UsageError):
                status = complain(found, 2)
                continue
            for note in found.notes:
                complain(note)
            splats = splats or bool(found.splats)
            if args.json or args.github:
                shown.append(found)
            else:
                say(found.text)
    if args.github:
        sys.stdout.writelines(render_github((found.name, found.splats) for found in shown))
    if args.json:
        sys.stdout.writelines(render_json([(found.name, found.splats) for found in shown]))
    return status or int(splats)


def _explain_each(name: str, args: argparse.Namespace) -> Iterator[Explained | UsageError]:
    """Yield the text of each log of an input, or the error for one that cannot be read."""
    paths = list_logs(name)
    if not paths:
        yield UsageError(f"{name} is a directory without files")
    cache_root = read_cache(args).root
    for path in paths:
        files = find_debug_files(
            Path(path), vmlinux=args.vmlinux, modules=args.modules, cache_root=cache_root
        )
        try:
            for log, file in open_log(path):
                yield explain_log(log, file, files)
        except UsageError as error:
            yield error
