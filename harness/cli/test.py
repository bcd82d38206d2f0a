"""`rustbed test`: the driver tests, by pytest.

In a checkout of the project its own tests run, elsewhere those of the current directory. Ours begin with a
smoke test of the machines, because a red driver test means little on a broken machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rustbed import process
from rustbed.data import find_checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that all arguments are pytest's."""
    parser.set_defaults(pytest_args=[])


def run(args: argparse.Namespace) -> int:
    """Replace this process by pytest."""
    words = list(args.pytest_args)
    if Path.cwd() == find_checkout():
        words = ["-o", "testpaths=tests/boot/test_smoke.py tests/drivers", *words]
    process.replace_by([sys.executable, "-m", "pytest", *words])
    return 0
