"""What `rustbed new` makes is green as it is written, on every architecture."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.cli.new import list_buses
from rustbed.kernel.artifact import Kernel


@pytest.mark.parametrize("bus", list_buses())
def test_a_new_driver_is_green(bus: str, arch: Arch, kernel: Kernel, tmp_path: Path) -> None:
    made = [sys.executable, "-m", "rustbed.cli", "new", "toy", "--bus", bus]
    subprocess.run(made, cwd=tmp_path, check=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--arch", arch.name]
    done = subprocess.run(argv, cwd=tmp_path / "toy", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # where the driver's device cannot be
    lacking = rf"QEMU for {arch} has no edu|{arch}'s machine (?:takes no device tree|has no firmware)"
    assert " passed" in done.stdout or re.search(lacking, done.stdout), done.stdout
