"""`rustbed diff`: compares runs of the same tests, on several architectures or two kernels."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rustbed.cli.terminal import say
from rustbed.errors import UsageError
from rustbed.progress import plural
from rustbed.report.declared import Declared, load_declared
from rustbed.report.difference import Ran, explained_end, find_differences, name_sides
from rustbed.report.ran import Runs, choose_runs, load_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, and which differences to ignore."""
    add = parser.add_argument
    add("left", type=Path, metavar="RUN", help="a run directory, or the directory of a session")
    add(
        "right",
        type=Path,
        nargs="?",
        metavar="RUN",
        help="another one; without it, the architectures of the session are compared with its first",
    )
    add(
        "--arch",
        type=_arches,
        default=(),
        metavar="LEFT,RIGHT",
        help="which architectures, if a session has several; of one session more than two may be given",
    )
    add(
        "--declared",
        type=Path,
        metavar="FILE",
        help="ignore the lines that this YAML file declares as different, and print its reasons",
    )
    add(
        "--ignore",
        action="append",
        type=_pattern,
        default=[],
        metavar="REGEX",
        help="ignore differing lines that match; may be given several times",
    )


def _arches(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(f"{text} does not name two architectures")
    return names


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is not a regular expression: {error}") from error


def run(args: argparse.Namespace) -> int:
    """Return 0 if the runs of every test are the same but for what is declared, else 1. Raises UsageError."""
    declared = load_declared(args.declared) if args.declared else ()
    pairs = _pairs(args.left, args.right, args.arch)
    differing = [_compare(left, right, declared, args.ignore) for left, right in pairs]
    return int(any(differing))


def _pairs(left: Path, right: Path | None, arches: Sequence[str]) -> list[tuple[Runs, Runs]]:
    """Return the runs to compare with each other. Raises UsageError."""
    if right is not None:
        if len(arches) > 2:
            raise UsageError("--arch names one architecture for each of two runs", fix="give one session")
        names = arches or ("", "")
        return [
            (choose_runs(load_runs(left), left, names[0]), choose_runs(load_runs(right), right, names[1]))
        ]
    found = load_runs(left)
    sides = [choose_runs(found, left, arch) for arch in arches or found]
    if len(sides) == 1:
        raise UsageError(f"runs on one architecture only in {left}", fix="a second RUN to compare it with")
    return [(sides[0], other) for other in sides[1:]]


def _compare(
    left: Runs, right: Runs, declared: Sequence[Declared], ignored: Sequence[re.Pattern[str]]
) -> int:
    """Print what differs in the tests of two sides, and return how many tests differ. Raises UsageError."""
    common = [test for test in left if test in right]
    if not common:
        raise UsageError("the runs have no test in common", left=min(left), right=min(right))
    names = name_sides(left[common[0]], right[common[0]])
    ends: dict[str, list[str]] = {}
    found: dict[tuple[str, ...], list[str]] = {}
    used = Counter[str]()
    for test in common:
        if end := explained_end(left[test], right[test]):
            ends.setdefault(end, []).append(test)
            continue
        mine = _about(left[test], right[test], declared, used)
        if lines := find_differences(left[test], right[test], [*ignored, *mine]):
            found.setdefault(tuple(lines), []).append(test)
    for different, tests in found.items():
        say("\n  ".join(["\n".join(f"{test}: {' and '.join(names)} differ" for test in tests), *different]))
    for end, tests in ends.items():
        say("\n".join(f"{test}: {end}" for test in tests))
    for name, runs, others in zip(names, (left, right), (right, left), strict=True):
        for test in (test for test in runs if test not in others):
            say(f"{test}: only on {name}")
    for reason, count in used.items():
        say(f"declared in {plural(count, 'test')}: {reason}")
    differing = sum(map(len, found.values()))
    ended = f", {sum(map(len, ends.values()))} ended differently as marked" if ends else ""
    say(f"{' and '.join(names)}: {plural(len(common), 'test')} on both sides, {differing} differ{ended}")
    return differing


def _about(left: Ran, right: Ran, declared: Sequence[Declared], used: Counter[str]) -> list[re.Pattern[str]]:
    """Return the declared patterns for a test's runs, and count in `used` where lines of them differ."""
    mine = [entry for entry in declared if entry.is_about(left, right)]
    for entry in mine:
        if entry.is_used(left, right):
            used[entry.reason] += 1
    return [pattern for entry in mine for pattern in entry.patterns]
