"""`rustbed model`: a driver's probe shows the registers of its device."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rustbed.arch import Arch


@pytest.mark.needs("rust_driver_pci")
@pytest.mark.usefixtures("kernel", "hotplug")
def test_skeleton_has_the_registers_of_a_probe(arch: Arch, request: pytest.FixtureRequest) -> None:
    argv = [sys.executable, "-m", "rustbed.cli", "model", "rust_driver_pci", "--arch", arch.name]
    for name in ("--kernel", "--profile", "--accel", "--toolchain", "--qemu", "--cache"):
        if value := request.config.getoption(name):
            argv += [name, str(value)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "vendor_id, device_id = 0x1b36, 0x0005" in done.stdout
    assert "register_0_0 = bar0.register(0x00, width=1)  # written" in done.stdout
    assert "register_0_4 = bar0.register(0x04, read_only=True)  # read" in done.stdout
