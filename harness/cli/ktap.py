"""`rustbed ktap`: converts KTAP from KUnit, kselftests or others to JUnit XML."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from rustbed.cli.terminal import complain, say
from rustbed.errors import UsageError
from rustbed.log.ktap import Outcome, Result, parse_ktap
from rustbed.log.record import parse_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the log, and where the results go."""
    parser.add_argument("log", metavar="LOG", help="a log with KTAP in it; - for stdin")
    parser.add_argument("-o", "--output", type=Path, metavar="XML", help="write the results as JUnit XML")


def run(args: argparse.Namespace) -> int:
    """Return 0 if all passed, 1 if a test is red, 2 if the log reports nothing. Raises UsageError."""
    report = parse_ktap(line.text for line in parse_lines(_read(args.log)))
    if not report.children:
        return complain(f"{args.log}: {report.reason}", 2)
    for text in render(report):
        say(text)
    if args.output:
        _write(args.output, report)
    return 1 if report.is_red else 0


def _read(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    return data.decode(errors="replace")


def _write(path: Path, report: Result) -> None:
    # imported here, because most logs are only shown
    from rustbed.report.junit import render_junit, write_junit  # noqa: PLC0415
    from rustbed.report.ktap import cases_of  # noqa: PLC0415

    write_junit(path, render_junit("ktap", cases_of(report.children, "ktap")))


def render(report: Result) -> list[str]:
    """Render a line for each red test and each contradiction, and a line with counts."""
    lines = [
        f"{result.outcome:5} {'/'.join(path)}{f': {result.reason}' if result.reason else ''}"
        for path, result in report.reds()
    ]
    lines += [f"odd   {'/'.join(path) or 'the report'}: {text}" for path, text in _problems(report, ())]
    counts = Counter(leaf.outcome for _, leaf in report.leaves())
    return [*lines, ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])]


def _problems(result: Result, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    found = [(path, text) for text in result.problems]
    for child in result.children:
        found += _problems(child, (*path, child.name))
    return found
