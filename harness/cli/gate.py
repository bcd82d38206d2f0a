"""`rustbed gate`: compares results with a baseline."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.report.coverage import load_covered, render_annotations
from rustbed.report.gate import FLOOR_S, compare
from rustbed.report.gate_formats import FORMATS
from rustbed.report.history import load_history, red_names
from rustbed.report.known import load_known
from rustbed.report.results import load_results

# the longest time for which a flake may be expected, so that somebody looks at it
_LONGEST_DAYS = 365


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the results, and what counts as a regression."""
    add = parser.add_argument
    add("new", nargs="+", type=Path, metavar="NEW", help="JUnit XML, or a directory of such files")
    add(
        "--baseline",
        action="append",
        required=True,
        type=Path,
        metavar="OLD",
        help="earlier results to compare with",
    )
    add(
        "--known-issues",
        type=Path,
        metavar="FILE",
        help="YAML file of known failures; docs/ci.md describes it",
    )
    add(
        "--history",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="results of earlier runs; may be given several times",
    )
    add(
        "--expect-flakes",
        type=_days,
        metavar="DAYS",
        help="expect failures that are flaky in the history, for so many days",
    )
    add(
        "--slower",
        type=_factor,
        metavar="FACTOR",
        help="report tests that became slower by more than this factor",
    )
    add(
        "--floor",
        type=float,
        default=FLOOR_S,
        metavar="S",
        help="ignore tests slower by less than this (default: 1)",
    )
    add("--growth", type=_percent, metavar="PERCENT", help="report modules that grew by more than this: 5%%")
    add(
        "--format",
        choices=tuple(FORMATS),
        default="text",
        help="default: text; github and gitlab annotate source lines",
    )


def _factor(text: str) -> float:
    factor = float(text)
    if not 1 <= factor < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a factor: 1 or more")
    return factor


def _percent(text: str) -> float:
    percent = float(text.removesuffix("%"))
    if not 0 <= percent < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a percentage: 0% or more")
    return percent


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= _LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days: 1 to {_LONGEST_DAYS}")
    return days


def run(args: argparse.Namespace) -> int:
    """Compare results with a baseline: 0 no worse, 1 a regression, 2 cannot judge. Raises UsageError."""
    if args.expect_flakes and not args.history:
        raise UsageError("--expect-flakes needs earlier runs", fix="--history DIR")
    old, new = load_results(args.baseline), load_results(args.new)
    names = {*red_names(old.cases), *red_names(new.cases)}
    comparison = compare(
        old,
        new,
        known=load_known(args.known_issues) if args.known_issues else (),
        today=datetime.now(UTC).date(),
        slower=args.slower,
        floor_s=args.floor,
        growth=args.growth,
        history=load_history(args.history, names=names, without=args.new) if args.history else None,
        flake_days=args.expect_flakes,
    )
    if args.format == "github":
        sys.stdout.write(render_annotations(load_covered(args.new), Path.cwd()))
    sys.stdout.write(FORMATS[args.format](comparison))
    return comparison.status
