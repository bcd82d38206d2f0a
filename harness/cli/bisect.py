"""`rustbed bisect`: finds the first kernel of a series on which a test fails."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rustbed.bisect.candidates import list_row
from rustbed.bisect.trials import Question, bisect
from rustbed.cli.arguments import add_cache, parse_count, read_cache
from rustbed.cli.terminal import make_display, say
from rustbed.kernel.debian import KernelPackage, list_packages
from rustbed.kernel.debianimage import choose_flavour, list_images
from rustbed.kernel.source import SourceKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the ends of the series and the test; unknown arguments go to pytest."""
    parser.set_defaults(pytest_args=[])
    parser.add_argument(
        "--good",
        required=True,
        metavar="KERNEL",
        help="the test passes on it: debian:X, built:DIR/X, tree:PATH@X ...",
    )
    parser.add_argument(
        "--bad", required=True, metavar="KERNEL", help="a later one of the same kind, on which it fails"
    )
    parser.add_argument(
        "--runs",
        type=parse_count,
        default=1,
        metavar="N",
        help="how often to run the test on each kernel (default: 1)",
    )
    parser.add_argument(
        "--at-once",
        type=parse_count,
        default=1,
        metavar="N",
        help="how many kernels to try at once (default: 1)",
    )
    parser.add_argument(
        "--directory",
        default="results/bisect",
        metavar="DIR",
        help="where state and evidence are kept (default: results/bisect)",
    )
    add_cache(parser)
    parser.add_argument(
        "test", metavar="TEST", help="the test's id in pytest; further arguments go to pytest"
    )


def run(args: argparse.Namespace) -> int:
    """Return 0 if the first bad kernel is known, 1 if several are possible. Raises UsageError."""
    cache, display = read_cache(args), make_display()

    def packages(kind: SourceKind) -> Sequence[KernelPackage]:
        if kind is SourceKind.DEBIAN_IMAGE:
            return choose_flavour(list_images(cache, display))
        return list_packages(cache, display)

    row = list_row(args.good, args.bad, packages)
    question = Question(
        row=row,
        test=(args.test, *args.pytest_args, *(("--cache", args.cache) if args.cache else ())),
        runs=args.runs,
        at_once=args.at_once,
        directory=Path(args.directory).absolute(),
    )
    say(f"{len(row)} kernels: {row[0]} ... {row[-1]}")
    return bisect(question, say)
