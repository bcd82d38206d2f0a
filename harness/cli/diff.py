"""`rustbed diff`: compares runs of the same tests, on two architectures or two kernels."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rustbed.cli.terminal import say
from rustbed.errors import UsageError
from rustbed.progress import plural
from rustbed.report.difference import find_differences, name_sides
from rustbed.report.ran import load_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, and which differences to ignore."""
    add = parser.add_argument
    add("left", type=Path, metavar="RUN", help="a run directory, or the directory of a session")
    add("right", type=Path, metavar="RUN", help="another one; with --arch, it may be the same session")
    add(
        "--arch",
        type=_pair,
        default=("", ""),
        metavar="LEFT,RIGHT",
        help="which architectures, if a session has several",
    )
    add(
        "--ignore",
        action="append",
        type=_pattern,
        default=[],
        metavar="REGEX",
        help="ignore differing lines that match; may be given several times",
    )


def _pair(text: str) -> tuple[str, str]:
    left, comma, right = text.partition(",")
    if not (left and comma and right) or "," in right:
        raise argparse.ArgumentTypeError(f"{text} does not name two architectures")
    return left, right


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is not a regular expression: {error}") from error


def run(args: argparse.Namespace) -> int:
    """Return 0 if the two runs of every test are the same, else 1. Raises UsageError."""
    left, right = load_runs(args.left, args.arch[0]), load_runs(args.right, args.arch[1])
    common = [test for test in left if test in right]
    if not common:
        raise UsageError("the runs have no test in common", left=min(left), right=min(right))
    differing = 0
    for test in common:
        if found := find_differences(left[test], right[test], args.ignore):
            differing += 1
            sides = " and ".join(name_sides(left[test], right[test]))
            say("\n  ".join([f"{test}: {sides} differ", *found]))
    names = name_sides(left[common[0]], right[common[0]])
    for name, runs, others in zip(names, (left, right), (right, left), strict=True):
        for test in (test for test in runs if test not in others):
            say(f"{test}: only on {name}")
    say(f"{plural(len(common), 'test')} on both sides, {differing} differ")
    return int(differing > 0)
