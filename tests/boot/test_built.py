"""Kernels that somebody else compiled: taken as they are, and refused for what they lack."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.module import read_module
from tests.boot import pytest_runs
from tests.unit.kernel.elf_files import make_module

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("riscv64")


@pytest.fixture
def built(kernel: Kernel, tmp_path: Path) -> Path:
    """Return a directory as somebody may hand one over: image, modules and .config, nothing else."""
    directory = tmp_path / "built"
    directory.mkdir()
    shutil.copy(kernel.image, directory)
    assert kernel.config is not None
    shutil.copy(kernel.config, directory / ".config")
    for module in kernel.modules.values():
        shutil.copy(module.path, directory)
    return directory


def run(request: pytest.FixtureRequest, arch: Arch, built: Path, results: Path) -> tuple[int, str]:
    argv = pytest_runs.pytest_argv(request.config, "scene_verdicts.py", arch, results, "-k", "passes")
    argv += ["--kernel", f"built:{built}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_flat_directory_is_booted(
    built: Path, kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    status, output = run(request, arch, built, tmp_path / "results")
    assert status == 0, output
    case = pytest_runs.cases(tmp_path / "results")["test_passes"]
    assert pytest_runs.properties(case)["kernel_release"] == kernel.release


def test_module_of_a_kernel_that_has_too_many_for_its_image_is_brought_when_it_is_loaded(
    built: Path, kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (vermagic,) = {read_module(module.path).vermagic for module in kernel.modules.values()}
    for number in range(301):
        filler = make_module(f"filler{number}", vermagic, arch=arch)
        (built / f"filler{number}.ko").write_bytes(filler)
    status, output = run(request, arch, built, tmp_path / "results")
    assert status == 0, output
    (transcript,) = (tmp_path / "results/latest").glob("*/transcript.jsonl")
    loaded = [line for line in transcript.read_text().splitlines() if "insmod" in line]
    assert [line for line in loaded if "/tmp/rustbed/rust_minimal.ko" in line] == loaded != []


def test_kernel_without_its_modules_is_refused(
    built: Path, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for module in built.glob("*.ko"):
        module.unlink()
    status, output = run(request, arch, built, tmp_path / "results")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "there are no modules" in output


def test_kernel_of_another_architecture_is_refused(
    built: Path, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = "arm64" if arch.name != "arm64" else "riscv64"
    argv = pytest_runs.pytest_argv(
        request.config, "scene_verdicts.py", arch, tmp_path / "results", "-k", "passes"
    )
    argv += ["--kernel", f"built:{built}"]
    argv[argv.index("--arch") + 1] = other
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f"is for {arch.name}, not for {other}" in done.stdout
