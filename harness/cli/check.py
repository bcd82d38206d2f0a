"""`rustbed check`: the project's own gate. It runs every step, even after a failure."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from rustbed import host, process
from rustbed.cli.terminal import say
from rustbed.data import find_checkout
from rustbed.errors import UsageError, suggest
from rustbed.request import MachineRequest

# workers for each core: much of the time one waits for a clock, a guest's or that of a limit which runs out
_PER_CORE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that all arguments are pytest's."""
    parser.set_defaults(pytest_args=[])


def run(args: argparse.Namespace) -> int:
    """Run the steps; the last line names those that failed. Raises UsageError outside the project."""
    project = find_checkout()
    if project is None:
        raise UsageError(
            "check is the gate of rustbed itself, and this is not its checkout",
            fix=f"{suggest('test')}, for the tests of the current directory",
        )
    os.chdir(project)
    # makes tests fail, not skip, if something is missing that earlier steps should have provided
    os.environ["RUSTBED_CHECK"] = "1"
    failed = [name for name, argv in _steps(args.pytest_args) if not _passes(name, argv)]
    say(f"== check: {'FAILED: ' + ', '.join(failed) if failed else 'ok'}")
    return 1 if failed else 0


def _steps(pytest_args: Sequence[str]) -> tuple[tuple[str, list[str]], ...]:
    python = sys.executable
    build = [python, "-m", "rustbed.cli", "build"]
    workers = str(host.worker_limit(MachineRequest().hardware.memory_mib, per_core=_PER_CORE))
    # a worker without tests takes half of those of another: the slowest are in a few of the folders
    at_once = ["-n", workers, "--dist", "worksteal"]
    return (
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types", [python, "-m", "mypy"]),
        # first, because some tests use its results in the cache; its progress is visible here
        ("kernels", build),
        # for the oracle's detectors; debug kernels of other architectures are built on request
        ("debug kernel", [*build, "--arch", "x86_64", "--profile", "debug"]),
        ("tests", [python, "-m", "pytest", "tests", *at_once, *pytest_args]),
    )


def _passes(name: str, argv: Sequence[str]) -> bool:
    say(f"== {name}")
    started = time.monotonic()
    status = process.run_attached(argv)
    seconds = time.monotonic() - started
    say(f"== {name}: {'ok' if status == 0 else f'FAILED ({status})'}, {seconds:.1f} s")
    return status == 0
