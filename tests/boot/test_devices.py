"""Devices written in Python in real machines: a driver is seen, and a device that fails is an ERROR."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rustbed import Kernel
from rustbed.arch import Arch
from tests.boot import pytest_runs

pytestmark = [pytest.mark.needs("rust_driver_pci"), pytest.mark.usefixtures("slots")]

OUTCOMES = {
    "test_driver_is_seen": "pass",
    "test_device_raises_and_nobody_looks": "error",
    "test_device_raises_and_the_test_fails_for_it": "error",
    "test_device_never_answers": "error",
    "test_usb_device_raises": "error",
    "test_i2c_chip_raises": "error",
    "test_device_raises_in_a_machine_that_was_booted_with_it": "error",
}


@pytest.mark.usefixtures("slots")
def test_device_that_fails_is_an_error_with_its_traceback(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    argv = pytest_runs.pytest_argv(request.config, "scene_devices.py", arch, tmp_path)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    cases = pytest_runs.cases(tmp_path)
    at_the_port = {"test_serial_peer_raises": "error" if arch.serial_ports > 1 else "skip"}
    outcomes = {name: pytest_runs.properties(case)["outcome"] for name, case in cases.items()}
    assert outcomes == {**OUTCOMES, **at_the_port}
    assert "Raising raised in a read: ZeroDivisionError: of all things" in done.stdout
    assert "in on_read_count" in done.stdout
    assert "Unwilling raised in on_configured: ZeroDivisionError: of all things" in done.stdout
    assert "Unreadable raised in a write: ZeroDivisionError: of all things" in done.stdout
    if arch.serial_ports > 1:
        assert "Deaf raised in on_receive: ZeroDivisionError: of all things" in done.stdout
    assert "Silent has not returned for 2 s" in done.stdout


RECORDED = """\
# device 1b36:0005 class ff0000 revision 00 intx 0 msi 1 msix 0
# bar0 size 4096 bits 32
1.000000 write bar0+0x0 width 1 value 0x0
1.000100 read bar0+0x4 width 4 value 0x10
1.000200 read bar0+0x8 width 1 value 0xfa
1.000300 write bar0+0x10 width 1 value 0xfa
1.000400 interrupt 0 lost
1.000500 read bar0+0xc width 4 value 0x1
1.100000 write bar0+0x0 width 1 value 0x0
"""
# examples that an architecture's machine cannot run
CANNOT = {"riscv64": ("test_modem_answers",)}
# modules that examples need, and that not every kernel has
NEEDED = {"test_voltage_is_measured": "mcp320x", "test_radio_is_kept_awake": "gpio_virtio"}
MODULES = Path(__file__).parent.parent / "drivers" / "modules"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "devices.md"


@pytest.mark.usefixtures("slots")
def test_examples_of_the_documentation_run_as_pasted(
    arch: Arch, kernel: Kernel, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """All but the one that takes a minute, which test_faulty_device.py does on another device."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    file = tmp_path / "test_blinker.py"
    # modules are built where they are, once for all tests
    blocks = [block.replace('"modules/', f'"{MODULES}/') for block in blocks]
    # each begins with its imports; the replayed trace is one that the first one left
    file.write_text("from rustbed import Fault, FaultKind, every_fault\n" + "\n".join(blocks))
    (tmp_path / "Blinker.trace").write_text(RECORDED)
    argv = pytest_runs.pytest_argv(request.config, "scene_devices.py", arch, tmp_path / "results")
    argv[argv.index(str(pytest_runs.SCENES / "scene_devices.py"))] = str(file)
    done = subprocess.run([*argv, "-k", "not every_fault"], capture_output=True, text=True, check=False)
    colours = {
        name: pytest_runs.colour(case) for name, case in pytest_runs.cases(tmp_path / "results").items()
    }
    wanted = dict.fromkeys(re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE), "passed")
    del wanted["test_driver_survives_every_fault"]
    skipped = [
        *CANNOT.get(arch.name, ()),
        *(test for test, module in NEEDED.items() if not kernel.has(module)),
    ]
    assert colours == {**wanted, **dict.fromkeys(skipped, "skipped")}, done.stdout
