"""What is left when pytest itself is ended: no process, no lock, and a junit.xml that says so."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from tests.boot import pytest_runs
from tests.processes import is_running, wait_until

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("riscv64")


@contextmanager
def running_scene(
    request: pytest.FixtureRequest, arch: Arch, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start pytest on the scene and yield it, with QEMU's process id, once the guest runs a command."""
    ready = tmp_path / "ready"
    argv = pytest_runs.pytest_argv(request.config, "scene_waits.py", arch, tmp_path / "results")
    with pytest_runs.start(argv, SCENE_READY=str(ready)) as child:
        try:
            wait_until(
                lambda: ready.exists() and ready.read_text().count("\n") == 2, "the scene is ready", 300
            )
            yield child, int(ready.read_text().split()[0])
        finally:
            child.kill()


def red_cases(results: Path) -> list[str]:
    return [name for name, case in pytest_runs.cases(results).items() if pytest_runs.colour(case) != "passed"]


# SIGTERM is what a job's time limit sends
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interruption_ends_qemu_and_the_report_tells(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path, number: signal.Signals
) -> None:
    with running_scene(request, arch, tmp_path) as (child, qemu):
        assert is_running(qemu)
        child.send_signal(number)
        assert child.wait(300) == pytest.ExitCode.INTERRUPTED
        wait_until(lambda: not is_running(qemu), "QEMU is gone")
    assert red_cases(tmp_path / "results") == ["test_waits", "rustbed session"]


def test_sigkill_ends_qemu_and_leaves_the_lost_document(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with running_scene(request, arch, tmp_path) as (child, qemu):
        child.kill()
        child.wait()
        wait_until(lambda: not is_running(qemu), "QEMU is gone")
    assert red_cases(tmp_path / "results") == ["session"]
    verdict = next((tmp_path / "results").glob("*/*/verdict.json"))
    assert '"outcome": "lost"' in verdict.read_text()
