"""gdb on machines of other architectures than the host's, and backwards through their recordings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.cache import Cache, default_root
from rustbed.errors import HostError
from rustbed.kernel.artifact import Kernel
from rustbed.repro.gdb_program import find_gdb
from tests.boot import pytest_runs

pytestmark = pytest.mark.arches("arm64", "riscv64")


def rustbed(request: pytest.FixtureRequest, *words: str | Path) -> str:
    options = [
        word
        for name in ("--qemu", "--cache")
        if (value := request.config.getoption(name))
        for word in (name, str(value))
    ]
    argv = [sys.executable, "-m", "rustbed.cli", *map(str, words), *options]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def panicked(kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the run directory of a test that panics its machine."""
    given = request.config.getoption("--cache")
    try:
        find_gdb(arch, Cache(Path(given).absolute() if given else default_root()), lambda said: None)
    except HostError as error:
        pytest.skip(f"there is no gdb for {arch}: {error.headline}")
    argv = pytest_runs.pytest_argv(request.config, "scene_repro.py", arch, tmp_path, "-k", "test_panics")
    subprocess.run(argv, capture_output=True, check=False)
    case = pytest_runs.cases(tmp_path)["test_panics"]
    return pytest_runs.run_directory(tmp_path, case)


def test_gdb_stops_at_the_splat(panicked: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    batch = ("--batch", "bt 3", "--batch", "info symbol cleanup_module")
    said = rustbed(request, "repro", "gdb", panicked, "--results", tmp_path / "replays", *batch)
    assert "sysrq_handle_crash" in said
    assert "cleanup_module in section .exit.text" in said


def test_gdb_goes_back_through_a_recording(
    panicked: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    rustbed(request, "repro", "record", panicked, "-o", tmp_path / "kept")
    # from the panic to its cause, to the beginning, and to the panic again
    commands = (
        *("break __handle_sysrq", "reverse-continue", "bt 1", "info symbol cleanup_module"),
        *("reverse-stepi", "stepi", "reverse-continue", "bt 1"),
        *("delete", "break vpanic", "continue", "bt 3"),
    )
    words = [word for command in commands for word in ("--batch", command)]
    said = rustbed(request, "repro", "replay", tmp_path / "kept", *words)
    stops = [line.split()[1] for line in said.splitlines() if line.startswith("#0 ")]
    assert [stop.partition("(")[0] for stop in stops] == ["__handle_sysrq", "start_kernel", "vpanic"]
    assert "cleanup_module in section .exit.text" in said
    assert "sysrq_handle_crash" in said.rpartition("#0 ")[2]
