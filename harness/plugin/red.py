"""Actions for a red test, if requested: a recording of its commands, a shell."""

from __future__ import annotations

import shlex
import sys

import pytest

from rustbed.errors import HarnessError, suggest
from rustbed.plugin.stash import PLATFORMS
from rustbed.repro.interactive import stop_at_failure
from rustbed.repro.qemu_program import find_emulator
from rustbed.repro.recording import record
from rustbed.repro.scene import load_run
from rustbed.testrun import TestRun


def use_red(item: pytest.Item, run: TestRun, report: pytest.TestReport) -> None:
    """Run the requested actions for a test that has just failed."""
    if item.config.getoption("rustbed_record"):
        report.sections.append((f"Captured recording {report.when}", _record(item, run)))
    if item.config.getoption("rustbed_on_failure") and report.when == "call":
        _stop_at_failure(item, run)


def _record(item: pytest.Item, run: TestRun) -> str:
    """Write a recording of a test's commands to its run directory, and return the command that replays it."""
    choices = item.config.stash[PLATFORMS].choices
    try:
        scene = load_run(run.directory)
        qemu = find_emulator(scene.spec.arch, choices.qemu, choices.cache)
        record(scene, qemu, run.directory / "recording")
    except HarnessError as error:
        return f"there is none: {error}"
    return suggest(shlex.join(("repro", "replay", str(run.directory / "recording"))))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ask(prompt: str) -> str:
    """Return a typed line. Raises EOFError at the end of input, or if input is closed."""
    if sys.stdin is None:
        raise EOFError
    return input(prompt)


def _stop_at_failure(item: pytest.Item, run: TestRun) -> None:
    """Open a shell in the machine of a red test."""
    choices = item.config.stash[PLATFORMS].choices
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend(in_=True)
    try:
        _tell(f"\n{run.explain()}")
        stop_at_failure(
            run.directory,
            run.alive,
            lambda arch: find_emulator(arch, choices.qemu, choices.cache),
            _ask,
            _tell,
        )
    except HarnessError as error:
        _tell(f"no shell: {error}")
    finally:
        if capture is not None:
            capture.resume()
