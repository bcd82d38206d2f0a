"""Not a test of ours: run by test_interruption.py, and interrupted while it waits for the guest."""

from __future__ import annotations

import os
from pathlib import Path

from rustbed import Vm


def test_waits(vm: Vm) -> None:
    Path(os.environ["SCENE_READY"]).write_text(f"{vm.live.qemu_pid}\n{vm.run_dir}\n")
    vm.run("sleep 120", timeout_s=120)
