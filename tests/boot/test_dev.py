"""`rustbed dev` with a real kernel: every file that rust-project.json names is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel

# what the generator writes is the same for all
pytestmark = pytest.mark.arches("x86_64")


def test_an_editor_finds_the_driver_and_the_kernel(arch: Arch, kernel: Kernel, tmp_path: Path) -> None:
    driver = tmp_path / "outside"
    shutil.copytree(Path(__file__).parent / "modules/outside", driver)
    argv = [sys.executable, "-m", "rustbed.cli", "dev", str(driver), "--arch", arch.name]
    subprocess.run(argv, check=True)
    project = json.loads((driver / "rust-project.json").read_text())
    crates = {crate["display_name"]: driver / crate["root_module"] for crate in project["crates"]}
    assert {"core", "kernel", "bindings", "outside"} <= set(crates)
    assert [name for name, path in crates.items() if not path.is_file()] == []
