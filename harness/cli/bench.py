"""`rustbed bench`: measures and prints a table; it has no limits that could fail."""

from __future__ import annotations

import argparse
from dataclasses import replace

from rustbed.bench import BENCHES, WITHOUT_MACHINES
from rustbed.cli.arguments import add_cpus, choices_of, parse_count
from rustbed.cli.terminal import make_display, say
from rustbed.options import add_options, read_arches
from rustbed.prepare import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmark, the machines, and how often to measure."""
    add_options(parser.add_argument)
    add_cpus(parser)
    parser.add_argument("name", choices=tuple(BENCHES), metavar="NAME", help=f"one of {', '.join(BENCHES)}")
    parser.add_argument(
        "--runs",
        type=parse_count,
        default=5,
        metavar="N",
        help="how often to measure; for churn, how many forks (default: 5)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and print the table. Raises HarnessError."""
    report = make_display()
    choices = choices_of(args)
    arches = () if args.name in WITHOUT_MACHINES else read_arches(vars(args).__getitem__)
    platforms = [replace(prepare(arch, choices, report), cpus=args.cpus) for arch in arches]
    say(BENCHES[args.name](platforms, args.runs, choices.cache))
    return 0
