"""--confirm: red tests are run again, are counted, and stay red."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

SCENE = """
import pytest
from pathlib import Path

HERE = Path(__file__).parent

def runs(name):
    file = HERE / name
    file.write_text(str(int(file.read_text()) + 1 if file.exists() else 1))
    return int(file.read_text())

def test_good():
    assert runs("good") == 1

def test_always_red():
    assert runs("red") == 0

def test_red_every_second_time():
    assert runs("flaky") % 2 == 0

def test_interrupted():
    if runs("interrupted") == 2:
        raise KeyboardInterrupt
    assert False, "the first time"

@pytest.mark.xfail(reason="known")
def test_known():
    assert runs("known") == 0

@pytest.fixture(scope="module")
def shared():
    runs("shared")

@pytest.fixture
def broken(shared):
    runs("broken")
    raise OSError("no space")

def test_setup_fails(broken):
    pass

def test_teardown(request, shared):
    request.addfinalizer(lambda: runs("teardown") // 0)
"""


def run(directory: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, ET.Element]]:
    (directory / "test_scene.py").write_text(SCENE)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(directory), "-q"]
    argv += ["--results", str(directory / "results"), *words, str(directory)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=directory, timeout=600)
    root = ET.parse(directory / "results" / "latest" / "junit.xml").getroot()  # noqa: S314 - our own file
    return done, {case.get("name") or "": case for case in root.iter("testcase")}


def count(directory: Path, name: str) -> int:
    return int((directory / name).read_text())


def properties(case: ET.Element) -> dict[str | None, str | None]:
    return {each.get("name"): each.get("value") for each in case.iter("property")}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_red_tests_alone_are_run_again_and_nothing_turns_green(tmp_path: Path, workers: list[str]) -> None:
    done, cases = run(tmp_path, "--confirm", "3", *workers, "-k", "good or red or known")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "2 failed, 1 passed" in done.stdout
    runs = {name: count(tmp_path, name) for name in ("good", "red", "flaky", "known")}
    assert runs == {"good": 1, "red": 4, "flaky": 4, "known": 1}
    assert {name for name, case in cases.items() if case.find("failure") is not None} == {
        "test_always_red",
        "test_red_every_second_time",
    }
    always, flaky = properties(cases["test_always_red"]), properties(cases["test_red_every_second_time"])
    assert always["confirmed"] == "red 3 of 3"
    assert flaky["confirmed"] == "red 1 of 3"
    assert [(flaky[f"confirm_{number}"] or "").split()[0] for number in (1, 2, 3)] == ["pass", "fail", "pass"]
    assert "confirmed" not in properties(cases["test_good"])


def test_summary_tells_how_often(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "--confirm", "2", "-k", "red")
    assert "test_scene.py::test_always_red: red 2 of 2" in done.stdout
    assert "test_scene.py::test_red_every_second_time: red 1 of 2" in done.stdout


def test_errors_of_ours_are_not_run_again(tmp_path: Path) -> None:
    done, cases = run(tmp_path, "--confirm", "2", "-k", "setup or teardown")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert (count(tmp_path, "broken"), count(tmp_path, "shared")) == (1, 1)
    assert cases["test_setup_fails"].find("error") is not None


def test_without_it_nothing_is_run_twice(tmp_path: Path) -> None:
    _, cases = run(tmp_path, "-k", "red")
    assert (count(tmp_path, "red"), count(tmp_path, "flaky")) == (1, 1)
    assert "confirmed" not in properties(cases["test_always_red"])


def test_stopping_at_the_first_one_comes_after_it_was_confirmed(tmp_path: Path) -> None:
    _, cases = run(tmp_path, "-x", "--confirm", "2", "-k", "red")
    assert set(cases) == {"test_always_red"}
    assert properties(cases["test_always_red"])["confirmed"] == "red 2 of 2"


def test_interruption_of_a_further_run_does_not_lose_the_first(tmp_path: Path) -> None:
    done, cases = run(tmp_path, "--confirm", "3", "-k", "interrupted")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    failure = cases["test_interrupted"].find("failure")
    assert failure is not None
    assert "the first time" in (failure.get("message") or "")


def test_other_reporters_see_each_test_once(tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    run(tmp_path, "--confirm", "2", "-k", "red", f"--junitxml={other}")
    root = ET.parse(other).getroot()  # noqa: S314 - our own file
    assert [case.get("name") for case in root.iter("testcase")] == [
        "test_always_red",
        "test_red_every_second_time",
    ]


@pytest.mark.parametrize("number", ["-1", "many"])
def test_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "test_scene.py").write_text(SCENE)
    argv = [sys.executable, "-m", "pytest", f"--confirm={number}", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
