"""`rustbed mutate` over real pytests; in the place of machines that load the driver, tests read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.farms import SLOW_S, environment

DRIVER = """
fn add(a: u32, b: u32) -> u32 {
    a + b
}
fn is_less(a: u32, b: u32) -> bool {
    a < b
}
fn both(a: bool, b: bool) -> bool {
    a && b
}
"""
TESTS = f"""
import os, time
from pathlib import Path

SOURCE = Path(__file__).with_name("driver.rs").read_text()

def test_two_meet():
    place = Path(os.environ["RUSTBED_SCENE"])
    if SOURCE == {DRIVER!r} or not (place / "meet").exists():
        return
    (place / f"here-{{os.getpid()}}").touch()
    deadline = time.monotonic() + {SLOW_S}
    while len(list(place.glob("here-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)

def test_the_driver():
    assert "a + b" in SOURCE and "a < b" in SOURCE
"""


SKIPPED = """
import pytest

def test_here():
    pytest.skip("this host has no machine")

def test_there():
    pytest.skip("this host has no machine")
"""


def try_mutants(directory: Path, tests: str, *words: str) -> subprocess.CompletedProcess[str]:
    project = directory / "project"
    project.mkdir(exist_ok=True)
    (project / "driver.rs").write_text(DRIVER)
    (project / "test_it.py").write_text(tests)
    argv = [sys.executable, "-m", "rustbed.cli", "mutate", "project", "-p", "no:cacheprovider", *words]
    env = environment(RUSTBED_SCENE=str(directory))
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=directory, env=env, timeout=SLOW_S
    )


def mutate(directory: Path, *words: str) -> tuple[int, list[str]]:
    done = try_mutants(directory, TESTS, *words)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def fates(lines: Sequence[str]) -> dict[str, str]:
    """Return what became of each mutant that was tried, by its number."""
    words = (line.split() for line in lines)
    return {each[0]: each[1] for each in words if each and each[0].partition("/")[2].isdecimal()}


def test_mutants_are_tried_two_at_once_and_survivors_alone_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "meet").touch()
    status, lines = mutate(tmp_path, "--at-once", "2")
    assert (status, fates(lines)) == (1, {"1/3": "killed", "2/3": "killed", "3/3": "survived"}), lines
    assert len(list(tmp_path.glob("here-*"))) == 3
    assert lines[-3] == "survived  driver.rs:9: `&&` became `||`"
    assert lines[-2].startswith("66.7 %: 2 of 3 mutants were noticed, 0 more do not build, ")
    status, lines = mutate(tmp_path)
    assert (status, fates(lines)) == (1, {"3/3": "survived"})
    assert lines[-2].startswith("66.7 %: 2 of 3 mutants were noticed")


def test_mutants_are_not_tried_with_tests_that_are_all_skipped_or_not_there(tmp_path: Path) -> None:
    reason = "no test of 2 passed without one: skip: this host has no machine"
    none = "pytest collected no test\n  wanted  project to have both the driver and its tests"
    for tests, why in ((SKIPPED, reason), ("", none)):
        done = try_mutants(tmp_path, tests)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"rustbed: no mutant was tried: {why}\n"
    assert list((tmp_path / "results").iterdir()) == []
