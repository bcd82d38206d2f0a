"""`rustbed faults`: a test is repeated with every fault of its device; the driver is judged, not the test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rustbed.arch import Arch
from tests.boot import pytest_runs

SCENE = pytest_runs.SCENES / "scene_faults.py"


def run_faults(
    config: pytest.Config, arch: Arch, results: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    argv = pytest_runs.pytest_argv(config, SCENE.name, arch, results)
    # what the command itself says: the program, the test, how machines are copied
    options = [word for word in argv[4:] if word != "-q"]
    if "--forks" in options:
        del options[options.index("--forks") : options.index("--forks") + 2]
    return subprocess.run(
        [*pytest_runs.PREFERRED, sys.executable, "-m", "rustbed.cli", "faults", *words, *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("kernel", "hotplug")
def test_driver_that_trusts_its_device_is_found_out(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    test = f"{SCENE}::test_driver_trusts_its_device"
    done = run_faults(request.config, arch, tmp_path, test)
    assert done.returncode == 1, done.stdout
    cases = {
        name.partition("[")[2].removesuffix("]").partition("-")[2]: case
        for name, case in ((case.get("name") or "", case) for case in pytest_runs.all_cases(tmp_path))
    }
    outcomes = {name: pytest_runs.properties(case)["outcome"] for name, case in cases.items()}
    # on riscv64 a panic ends the machine, elsewhere the task (docs/findings/riscv-bug-is-fatal.md)
    red = "crash" if arch.name == "riscv64" else "fail"
    # the good run, one whose test fails and whose driver does not, and one that panics
    assert outcomes == {
        "": "pass",
        "gone@1": "pass",
        "ones@1": "pass",
        "zero@1": "pass",
        "inverted@1": red,
        "wrong-id": "pass",
        "small-bar": "pass",
        "pulled@1": "pass",
    }
    assert f"accesses: 1; faults: 7: 1 {red}, 6 survived" in done.stdout
    pulled = pytest_runs.run_directory(tmp_path, cases["pulled@1"]) / "kernel.log"
    assert pulled.read_text().count("Card not present") == 1
    # told once; on arm64 a dead task leaves its exception (docs/findings/arm64-bug-leaves-its-exception.md)
    (told,) = re.findall(rf"inverted@1: {red}: (.*)", done.stdout)
    more = r"(; also WARNING in .*)?" if arch.name == "arm64" else ""
    assert re.fullmatch(rf"index out of bounds: .* in trusting::run, trusting.rs:\d+{more}", told), told
    assert told.count("index out of bounds") == 1
    again = run_faults(request.config, arch, tmp_path, test, "--only", "zero@1,stuck@7")
    assert again.returncode == 0, again.stdout
    assert "faults: 2: 1 survived, 1 not reached" in again.stdout


@pytest.mark.usefixtures("kernel", "hotplug")
def test_driver_that_never_lets_go_of_its_slot_hangs(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if arch.name == "arm":
        reason = "no stack is that of the task: docs/findings/arm-shows-the-asking-stack.md"
        request.applymarker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))
    test = f"{SCENE}::test_driver_keeps_its_device"
    done = run_faults(request.config, arch, tmp_path, test, "--only", "pulled@1")
    assert done.returncode == 1, done.stdout
    # the good run waits for nothing: its device is ready
    assert re.search(r"accesses: \d+.*; faults: 1: 1 hang", done.stdout), done.stdout
    assert re.search(r"pulled@1: hang: .*stuck in .*drop, keeping\.rs:\d+\n", done.stdout), done.stdout
    assert "waiting for the guest to let go of 0000:" in done.stdout


@pytest.mark.usefixtures("kernel")
def test_test_without_a_device_in_python_is_refused(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    done = run_faults(request.config, arch, tmp_path, f"{SCENE}::test_device_is_not_there")
    assert done.returncode == 2, done.stdout
    assert "no test passed that plugs in a device written in Python" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "gone,broken"], "there is no fault 'broken'"),
        (["--only", "gone", "-n", "2"], "a walk over faults runs in one process"),
    ],
)
def test_walk_that_is_impossible_is_refused_before_anything_runs(
    tmp_path: Path, words: list[str], said: str
) -> None:
    argv = [sys.executable, "-m", "rustbed.cli", "faults", str(SCENE), *words]
    done = subprocess.run(
        [*argv, "--results", str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert said in done.stderr
