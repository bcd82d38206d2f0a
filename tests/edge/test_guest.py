"""The plugin is a guest: it changes nothing in sessions without it, and yields to other plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = "def test_plain(): pass\n"
ARCHES = """
import pytest

@pytest.fixture
def arch(): return "mine"

@pytest.fixture
def boot(): return "mine"

@pytest.fixture
def kernel(): return "mine"
"""
OWN = """
import pytest

def test_own(arch, boot, kernel): assert (arch, boot, kernel) == ("mine", "mine", "mine")

@pytest.mark.parametrize("arch", ["arm", "mips"])
def test_given(arch): assert arch in ("arm", "mips")
"""
# asks for a machine and needs none: the fixture that would boot it is never entered
MACHINE = """
import pytest

@pytest.fixture
def vm(rustbed_arch): return rustbed_arch.name

def test_b_machine(vm): assert vm in ("x86_64", "arm64", "riscv64")
"""
MINE = """
def pytest_addoption(parser):
    parser.addoption("--arch", action="store_true")
    parser.getgroup("profiling").addoption("--profile", action="store_true")

def pytest_collection_modifyitems(config):
    assert config.getoption("--arch") is True
    assert config.getoption("--profile") is True
"""
WORKERS = [[], ["-n", "2"]]


def run(directory: Path, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | env
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=directory, timeout=600, env=given
    )


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {"__pycache__"}


@pytest.mark.parametrize("workers", WORKERS)
def test_a_session_without_our_fixtures_leaves_and_says_nothing(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_a.py").write_text(PLAIN)
    done = run(tmp_path, *workers)
    assert done.returncode == 0, done.stdout
    assert names(tmp_path) == {"test_a.py"}
    assert "rustbed" not in done.stdout.replace("rustbed-0.1.0", "")


def test_it_needs_no_home_nor_user(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(PLAIN)
    nobody = tmp_path / "sitecustomize.py"
    nobody.write_text(
        "import pathlib\n\ndef home(cls): raise RuntimeError\npathlib.Path.home = classmethod(home)\n"
    )
    assert run(tmp_path, PYTHONPATH=str(tmp_path)).returncode == 0


def test_tests_of_a_project_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(PLAIN.replace("plain", "z") + PLAIN.replace("plain", "a"))
    done = run(tmp_path, "--collect-only", "-q")
    assert done.stdout.splitlines()[:2] == ["test_a.py::test_z", "test_a.py::test_a"]


@pytest.mark.parametrize("workers", WORKERS)
def test_fixtures_and_parameters_of_a_project_win(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(ARCHES)
    (tmp_path / "test_a.py").write_text(OWN)
    done = run(tmp_path, "-q", *workers)
    assert "3 passed" in done.stdout
    assert names(tmp_path) == {"conftest.py", "test_a.py"}


@pytest.mark.parametrize("workers", WORKERS)
def test_a_session_with_a_machine_leaves_results(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    done = run(tmp_path, *workers)
    assert "4 passed" in done.stdout, done.stdout
    assert "rustbed: results in" in done.stdout
    assert names(tmp_path) == {"results", "test_a.py"}
    assert (tmp_path / "results" / "latest" / "junit.xml").is_file()


def test_what_is_tested_is_said_when_it_is_known_that_anything_is(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    said = "rustbed: kernel debian:latest, profile default, x86_64, arm64, riscv64, accel auto"
    assert run(tmp_path).stdout.count(said) == 1
    assert run(tmp_path, "--arch=x86_64").stdout.count("profile default, x86_64, accel auto") == 1


def test_our_fixtures_stand_on_no_name_that_a_project_may_have(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ARCHES)
    (tmp_path / "test_a.py").write_text(MACHINE + "def test_both(vm, arch): assert arch == 'mine' != vm\n")
    assert "6 passed" in run(tmp_path).stdout


def test_an_architecture_that_a_test_with_a_machine_is_given_is_refused(tmp_path: Path) -> None:
    text = MACHINE + "@pytest.mark.parametrize('arch', ['arm64'])\ndef test_c(vm, arch): pass\n"
    (tmp_path / "test_a.py").write_text(text)
    done = run(tmp_path)
    assert "test_a.py::test_c: a test cannot parametrize arch: use @pytest.mark.arches()" in done.stdout


def test_options_of_a_conftest_and_of_other_plugins_win(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(MINE)
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    done = run(tmp_path, "--arch", "--profile", "--rustbed-arch=arm64", "--results=here", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "test_b_machine[arm64]" in done.stdout
    assert names(tmp_path) == {"conftest.py", "here", "test_a.py"}


def test_a_plugin_that_is_loaded_by_name_wins_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "test_a.py").write_text(PLAIN)
    done = run(tmp_path, "-p", "mine", "--arch", "--profile", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_value_of_a_short_option_is_no_path_of_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(MINE.replace("--arch", "--mine"))
    (tmp_path / "test_a.py").write_text(PLAIN)
    # a directory that pytest does not search
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "conftest.py").write_text("raise SystemExit('not a path of tests')\n")
    done = run(tmp_path, "--results", "build", "--mine", "--profile", "--rootdir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_value_that_moved_the_root_is_refused(tmp_path: Path) -> None:
    project, results = tmp_path / "project", tmp_path / "results"
    (project / "tests").mkdir(parents=True)
    (project / "tests" / "test_a.py").write_text(PLAIN)
    for _ in range(2):
        # what is there only after the first session must not change the names of the second
        assert run(project, f"--results={results}", "tests").returncode == 0
    done = run(project, "--results", results, "tests")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"pytest took {results} for a path of tests" in done.stderr
    assert f"write --results={results}" in done.stderr
    assert run(project, "--results", results, "tests", "--rootdir", project).returncode == 0


def test_copies_of_red_tests_are_not_collected(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    assert run(tmp_path).returncode == 0
    for place in ("results/latest/test_a-test_b_machine-arm64", "unpacked"):
        kept = tmp_path / place / "source" / "test_a.py"
        kept.parent.mkdir(parents=True)
        kept.write_text("assert False, 'not a test'\n")
        (kept.parent.parent / "verdict.json").write_text(json.dumps({}))
    done = run(tmp_path)
    assert "4 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("workers", WORKERS)
def test_results_that_cannot_be_written_are_an_error_of_one_line(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    (tmp_path / "results").write_text("a file")
    done = run(tmp_path, *workers)
    said = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, said
    assert f"ERROR: cannot write results to {tmp_path}/results: Not a directory" in said
    assert "--results=DIR" in said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


FULL = """
import resource, signal
import pytest

def fill():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config):
    if not hasattr(config, "workerinput"):
        fill()

@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_node_collection_finished():
    fill()
"""


@pytest.mark.parametrize("workers", WORKERS)
def test_results_that_find_a_full_disk_are_an_error_of_one_line(tmp_path: Path, workers: list[str]) -> None:
    """Directories still have a place on it, and files have none; here, by a limit of the process."""
    (tmp_path / "test_a.py").write_text(MACHINE + PLAIN)
    (tmp_path / "conftest.py").write_text(FULL)
    done = run(tmp_path, *workers)
    said = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, said
    assert f"cannot write results to {tmp_path}/results/2" in said
    assert "File too large" in said
    assert "--results=DIR" in said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


def test_an_ini_file_says_what_the_command_line_does_not(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE)
    (tmp_path / "my.config").touch()
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nrustbed_arch = x86_64,arm64\nrustbed_kernel = tree:linux\nrustbed_profile = debug\n"
        "rustbed_fragments = my.config\n"
    )
    said = run(tmp_path).stdout
    assert f"rustbed: kernel tree:{tmp_path}/linux, profile debug, x86_64, arm64, accel auto" in said
    assert "2 passed" in said
    said = run(tmp_path, "--kernel=debian:latest", "--arch=riscv64").stdout
    assert "rustbed: kernel debian:latest, profile debug, riscv64, accel auto" in said


def test_a_test_for_other_architectures_is_skipped_with_the_reason(tmp_path: Path) -> None:
    mark = "\n@pytest.mark.arches('arm', 's390x')\n"
    (tmp_path / "test_a.py").write_text(f"{MACHINE}{mark}def test_c(vm): pass\n")
    said = run(tmp_path, "--arch=x86_64,arm64", "-rs").stdout
    assert "test_a.py:9: it is for arm, s390x only" in said
    assert "2 passed, 1 skipped" in said
    assert "2 passed" in run(tmp_path, "--arch=arm,s390x", "-k", "test_c").stdout


def test_a_wrong_ini_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(MACHINE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nrustbed_arch = sparc\n")
    done = run(tmp_path)
    assert "unknown architecture 'sparc'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


CASE = """
import unittest

import pytest

@pytest.mark.usefixtures("vm")
class TestCase(unittest.TestCase):
    def test_it(self): pass

def test_late(request): request.getfixturevalue("vm")
"""


def test_what_cannot_have_an_architecture_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(CASE)
    said = run(tmp_path).stdout
    assert said.count("this test has no architecture: it is a unittest.TestCase") >= 2
    assert "1 failed, 1 error" in said
