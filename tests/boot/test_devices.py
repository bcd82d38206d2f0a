"""Devices written in Python in real machines: a driver is seen, and a device that fails is an ERROR."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rustbed.arch import Arch
from tests.boot import pytest_runs

pytestmark = pytest.mark.needs("rust_driver_pci")

OUTCOMES = {
    "test_driver_is_seen": "pass",
    "test_device_raises_and_nobody_looks": "error",
    "test_device_raises_and_the_test_fails_for_it": "error",
    "test_device_never_answers": "error",
    "test_device_raises_in_a_machine_that_was_booted_with_it": "error",
}


@pytest.mark.usefixtures("kernel")
def test_device_that_fails_is_an_error_with_its_traceback(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    argv = pytest_runs.pytest_argv(request.config, "scene_devices.py", arch, tmp_path)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    cases = pytest_runs.cases(tmp_path)
    assert {name: pytest_runs.properties(case)["outcome"] for name, case in cases.items()} == OUTCOMES
    assert "Raising raised in a read: ZeroDivisionError: of all things" in done.stdout
    assert "in on_read_count" in done.stdout
    assert "Silent has not returned for 2 s" in done.stdout
