"""Not a test of ours: run by test_farm.py on a farm; one test passes, one waits for the guest."""

from __future__ import annotations

import os
from pathlib import Path

from rustbed import Vm


def test_passes(vm: Vm) -> None:
    assert vm.check("echo well") == "well"


def test_waits(vm: Vm) -> None:
    Path(os.environ["RUSTBED_SCENE"], f"qemu-{vm.live.qemu_pid}").touch()
    vm.run("sleep 3600", timeout_s=3600)
