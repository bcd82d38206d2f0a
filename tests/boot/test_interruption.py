"""What is left when pytest itself is ended: no process, no lock, and a junit.xml that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.arch import Arch
from harness.kernel.artifact import Kernel

SCENE = Path(__file__).parent / "scenes" / "scene_waits.py"

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("riscv64")

Scene = Callable[[], tuple[subprocess.Popen[bytes], int]]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


@contextmanager
def running_scene(
    request: pytest.FixtureRequest, arch: Arch, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start pytest on the scene and yield it, with QEMU's process id, once the guest runs a command."""
    ready = tmp_path / "ready"
    option = request.config.getoption
    argv = [sys.executable, "-m", "pytest", str(SCENE), "-p", "no:cacheprovider", "--arch", arch.name]
    argv += [
        "--results",
        str(tmp_path / "results"),
        "--kernel",
        option("--kernel"),
        "--accel",
        option("--accel"),
    ]
    if option("--cache"):
        argv += ["--cache", option("--cache")]
    child = subprocess.Popen(
        argv, env={**os.environ, "SCENE_READY": str(ready)}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until(ready.exists, "the scene is ready")
        wait_until(lambda: ready.read_text().count("\n") == 2, "the scene is ready")
        yield child, int(ready.read_text().split()[0])
    finally:
        child.kill()
        child.wait()


def red_cases(tmp_path: Path) -> list[str | None]:
    root = ET.parse(tmp_path / "results" / "latest" / "junit.xml").getroot()  # noqa: S314 - our own file
    red = [
        case
        for case in root.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return [case.get("name") for case in red]


def test_ctrl_c_ends_qemu_and_the_report_tells(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with running_scene(request, arch, tmp_path) as (child, qemu):
        assert is_running(qemu)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == pytest.ExitCode.INTERRUPTED
        wait_until(lambda: not is_running(qemu), "QEMU is gone", 5)
    assert red_cases(tmp_path) == ["test_waits[riscv64]", "rustbed session"]


def test_sigkill_ends_qemu_and_leaves_the_lost_document(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with running_scene(request, arch, tmp_path) as (child, qemu):
        child.kill()
        child.wait()
        wait_until(lambda: not is_running(qemu), "QEMU is gone", 5)
    assert red_cases(tmp_path) == ["session"]
    verdict = next((tmp_path / "results").glob("*/*/verdict.json"))
    assert '"outcome": "lost"' in verdict.read_text()
