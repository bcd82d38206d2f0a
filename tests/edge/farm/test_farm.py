"""A real scheduler and real workers run a project without machines; each of them is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.farms import SLOW_S, Up, environment, start_session, up, wait_for_ends
from tests.processes import wait_until

from rustbed.report.cases import INFRA
from rustbed.report.results import load_results

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)

from rustbed.farm.serving import scheduler

SCENE = """
import pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_numbers(number):
    assert number != 3, "three"

def test_skipped():
    pytest.skip("not today")

@pytest.mark.xfail(reason="a known bug")
def test_known():
    assert 0

def test_copy():
    assert "project-" in str(pathlib.Path.cwd())
"""
DRIVER = """fn add(a: u32, b: u32) -> u32 { a + b }
fn is_less(a: u32, b: u32) -> bool { a < b }
"""
DEADLY = """
import os, pathlib, pytest, signal, time

@pytest.mark.parametrize("number", range(6))
def test_numbers(number, request):
    if number == 2:
        # the worker, with which this process goes
        begun = pathlib.Path(request.config.getoption("--rustbed-farm-attempt"), "begun")
        os.kill(int(begun.read_text().split()[1]), signal.SIGKILL)
        time.sleep(3600)
"""
SLOW = """
import os, pathlib, pytest, time

@pytest.mark.parametrize("number", range(3))
def test_numbers(number):
    if number:
        pathlib.Path(os.environ["RUSTBED_SCENE"], f"pid-{os.getpid()}").touch()
        time.sleep(3600)
"""


@pytest.fixture(scope="module")
def farm() -> Iterator[Up]:
    """Return a farm of two workers, of which nothing is left when it has been ended."""
    with up(2) as farm:
        yield farm
        # a worker that a test has ended may not have its successor yet
        wait_until(lambda: len(farm.engines("worker")) == 2, "both workers", SLOW_S)
        pids = [*farm.engines("scheduler"), *farm.engines("worker")]
        assert len(pids) == 3
        farm.process.terminate()
        assert farm.process.wait(SLOW_S) == 0
        wait_for_ends(pids)


def run(farm: Up, directory: Path, scene: str, *words: str) -> tuple[int, str]:
    with start_session(farm, directory, scene, *words) as process:
        out, _ = process.communicate(timeout=SLOW_S)
        return process.returncode, out


def outcomes(directory: Path) -> Counter[str]:
    root = ET.parse(directory / "results/latest/junit.xml").getroot()  # noqa: S314 - our own file
    facts = [
        {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in root.iter("testcase")
    ]
    return Counter(str(each["outcome"]) for each in facts)


def running(directory: Path) -> list[int]:
    """Return the processes that are in a slow test, or were."""
    return [int(path.name.removeprefix("pid-")) for path in directory.glob("pid-*")]


def wait_for_test(session: subprocess.Popen[str], directory: Path) -> None:
    wait_until(lambda: bool(running(directory)) or session.poll() is not None, "a test that waits", SLOW_S)
    assert session.poll() is None


def test_a_session_on_a_farm_is_told_as_any_other(farm: Up, tmp_path: Path) -> None:
    code, out = run(farm, tmp_path, SCENE, "-rsx", f"--junitxml={tmp_path / 'own.xml'}")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 6 passed, 1 skipped, 1 xfailed" in out
    assert "assert 3 != 3" in out
    assert "SKIPPED [1] test_scene.py:" in out
    assert outcomes(tmp_path) == {"pass": 6, "fail": 1, "skip": 1, "xfail": 1}
    assert len(list(ET.parse(tmp_path / "own.xml").getroot().iter("testcase"))) == 9  # noqa: S314 - as above
    # the copy is gone, what workers printed is there
    assert not list(tmp_path.glob("results/*/farm/project*"))
    assert list(tmp_path.glob("results/latest/farm/*/pytest.log"))


def test_a_test_that_kills_its_workers_is_an_error_and_costs_others_nothing(farm: Up, tmp_path: Path) -> None:
    code, out = run(farm, tmp_path, DEADLY)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "5 passed, 1 error" in out
    assert "infra: its worker was lost; tried 3 times" in out
    assert outcomes(tmp_path) == {"pass": 5, "error": 1}
    results = load_results([tmp_path / "results/latest/junit.xml"]).cases
    assert [each.message.startswith(INFRA) for each in results] == [
        each.outcome == "error" for each in results
    ]


def test_mutants_are_tried_on_a_farm(farm: Up, tmp_path: Path) -> None:
    (tmp_path / "driver.rs").write_text(DRIVER)
    (tmp_path / "test_it.py").write_text(
        "import pathlib\n"
        "def test_it(): assert 'a + b' in pathlib.Path(__file__).with_name('driver.rs').read_text()\n"
    )
    argv = [sys.executable, "-m", "rustbed.cli", "mutate", ".", "--at-once", "2", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*argv, "--farm", farm.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SLOW_S,
        cwd=tmp_path,
        env=environment(),
    )
    assert (done.returncode, "survived  driver.rs:2: `<` became `<=`" in done.stdout) == (1, True), (
        done.stdout
    )
    assert "50.0 %: 1 of 2 mutants were noticed, 0 more do not build" in done.stdout


def test_a_session_that_is_interrupted_ends_its_tests(farm: Up, tmp_path: Path) -> None:
    with start_session(farm, tmp_path, SLOW) as session:
        wait_for_test(session, tmp_path)
        session.send_signal(signal.SIGINT)
        session.communicate(timeout=SLOW_S)
        wait_for_ends(running(tmp_path))
    assert session.returncode == pytest.ExitCode.INTERRUPTED


def test_a_bisection_that_is_interrupted_ends_its_tests(farm: Up, tmp_path: Path) -> None:
    kernels = [tmp_path / "kernels" / name for name in ("k0", "k1")]
    for kernel in kernels:
        kernel.mkdir(parents=True)
    (tmp_path / "test_scene.py").write_text(SLOW)
    argv = [sys.executable, "-m", "rustbed.cli", "bisect", "test_scene.py", "--arch", "x86_64"]
    argv += ["--good", f"built:{kernels[0]}", "--bad", f"built:{kernels[1]}", "--farm", farm.url]
    env = environment(RUSTBED_SCENE=str(tmp_path))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=env) as bisection:
        try:
            wait_for_test(bisection, tmp_path)
            bisection.send_signal(signal.SIGINT)
            out, _ = bisection.communicate(timeout=SLOW_S)
            wait_for_ends(running(tmp_path))
        finally:
            bisection.kill()
    assert "k1  not finished; the same command continues from here" in out


def test_nothing_runs_on_of_a_farm_that_is_killed_and_its_files_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with up(2, TMPDIR=str(scratch)) as farm, start_session(farm, tmp_path, SLOW) as session:
        wait_for_test(session, tmp_path)
        pids = [*farm.engines("scheduler"), *farm.engines("worker")]
        assert len(pids) == 3
        farm.process.kill()
        wait_for_ends([*pids, *running(tmp_path)])
        session.communicate(timeout=SLOW_S)
    assert session.returncode == pytest.ExitCode.TESTS_FAILED
    # the scheduler's and the workers'
    left = list(scratch.iterdir())
    assert len(left) == 2
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with scheduler(None, 0):
        assert [path for path in left if path.exists()] == []


def test_workers_of_this_process_and_of_a_farm_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "test_scene.py").write_text(SCENE)
    argv = [sys.executable, "-m", "pytest", "--farm", "tcp://127.0.0.1:1", "-n", "2"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=SLOW_S, env=environment()
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "-n cannot be given, too" in done.stderr


def test_a_worker_goes_to_no_other_host_without_tls() -> None:
    argv = [sys.executable, "-m", "rustbed.cli", "worker", "tcp://10.0.0.1:1"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=SLOW_S, env=environment()
    )
    assert done.returncode == 2
    assert "plain TCP is for this host only" in done.stderr


def test_workers_keep_what_they_compile_where_python_is_told_not_to(tmp_path: Path) -> None:
    scene = """
import pathlib, sys

def test_bytecode():
    assert not sys.dont_write_bytecode
    compiled = pathlib.Path(sys.pycache_prefix)
    assert compiled.parent.name.startswith("rustbed-farm.")
    assert list(compiled.rglob("farmed.*-pytest-*.pyc"))
"""
    with (
        up(1, PYTHONDONTWRITEBYTECODE="1") as farm,
        start_session(farm, tmp_path, scene, PYTHONDONTWRITEBYTECODE="1") as session,
    ):
        assert "1 passed" in session.communicate(timeout=SLOW_S)[0]
