"""A farm with machines: of a worker that is lost, and of a farm that is killed, no QEMU is left."""

from __future__ import annotations

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from tests.boot import pytest_runs
from tests.farms import SLOW_S, environment, up, wait_for_ends
from tests.processes import wait_until

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("x86_64")


def machines(ready: Path) -> set[int]:
    return {int(path.name.removeprefix("qemu-")) for path in ready.glob("qemu-*")}


def wait_for_machines(session: subprocess.Popen[bytes], ready: Path, count: int) -> None:
    wait_until(
        lambda: len(machines(ready)) == count or session.poll() is not None, f"{count} machines", SLOW_S
    )
    assert session.poll() is None


def test_machines_of_lost_workers_are_ended_and_their_tests_run_elsewhere(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    argv = pytest_runs.pytest_argv(request.config, "scene_farmed.py", arch, tmp_path / "results")
    with up(1) as farm:
        argv += ["--farm", farm.url]
        with pytest_runs.start(argv, **environment(RUSTBED_SCENE=str(tmp_path))) as session:
            try:
                wait_for_machines(session, tmp_path, 1)
                first = machines(tmp_path)
                (worker,) = farm.engines("worker")
                os.kill(worker, signal.SIGKILL)
                wait_for_ends(first)
                wait_for_machines(session, tmp_path, 2)
                farm.process.kill()
                wait_for_ends(machines(tmp_path))
                out, _ = session.communicate(timeout=SLOW_S)
            finally:
                session.kill()
    assert session.returncode == pytest.ExitCode.TESTS_FAILED, out.decode()
    found = pytest_runs.cases(tmp_path / "results")
    assert pytest_runs.colour(found["test_passes"]) == "passed"
    assert pytest_runs.colour(found["test_waits"]) == "error"
    facts = pytest_runs.properties(found["test_passes"])
    assert (facts["arch"], facts["kernel_release"]) == (arch.name, kernel.release)
    assert (tmp_path / "results/latest" / str(facts["run_directory"]) / "verdict.json").is_file()
