"""`rustbed faults`: repeats a test with each fault of its device, to see what the driver survives."""

from __future__ import annotations

import argparse
import sys

from rustbed import process
from rustbed.cli.arguments import fault_options
from rustbed.prepare import FORKS

# our exit status for each of pytest's: fine, red, interrupted, nothing to do; others are harness failures
_STATUSES = {0: 0, 1: 1, 2: 130, 4: 2, 5: 2}
_FAILED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the test and the faults; unknown arguments go to pytest."""
    parser.set_defaults(pytest_args=[])
    parser.add_argument("test", metavar="TEST", help="id of a test that plugs in a device written in Python")
    parser.add_argument(
        "--only",
        default="all",
        metavar="WHICH",
        help="kinds of faults (gone,stuck) or single ones (gone@3) (default: all)",
    )
    parser.add_argument(
        "--forks",
        default="hot",
        choices=FORKS,
        help="how each run gets its machine, as for tests (default: hot)",
    )


def run(args: argparse.Namespace) -> int:
    """Run pytest and return 0 if the driver survived all faults."""
    words = [*fault_options(args.only), f"--rustbed-forks={args.forks}", args.test, *args.pytest_args]
    return _STATUSES.get(process.run_attached([sys.executable, "-m", "pytest", *words]), _FAILED)
