"""`rustbed test`: the driver tests, by pytest.

The project's own from its checkout, else those of the current directory. Ours come after a look at the
machines: a red driver test means little on one that does not work.
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
    """Become pytest."""
    words = list(args.pytest_args)
    if Path.cwd() == find_checkout():
        words = ["-o", "testpaths=tests/boot/test_smoke.py tests/drivers", *words]
    process.replace_by([sys.executable, "-m", "pytest", *words])
    return 0
