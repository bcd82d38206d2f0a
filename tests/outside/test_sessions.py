"""Pytest in somebody else's project, as its people call it: what a test says must not depend on that."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.outside.installed import Project, forbid_writing, ordinary_user, programs_that_name, reds

RED = {"test_warns", "test_panics", "test_expects_too_much"}
GREEN = {
    "test_reader_reads_the_first_number",
    "test_counter_says_how_far_it_went",
    "test_counter_ends[7-read 7]",
    "test_counter_ends[8-read nothing]",
    "test_needs_no_machine",
}
EXPECTED = {**dict.fromkeys(RED, "red"), **dict.fromkeys(GREEN, "green")}

# each runs all tests; other plugins are there in the latter
ALONE = {
    "as it is": (),
    "two workers": ("-n", "2"),
    "appended paths, warnings are errors": ("--import-mode=append", "-W", "error"),
    "importlib": ("--import-mode=importlib", "-p", "no:cacheprovider"),
}
LOOP_SCOPE = "asyncio_default_fixture_loop_scope=function"  # unset, pytest-asyncio itself warns
BESIDE = {
    "beside": (
        *("--timeout=120", "--cov=harness", "--coverage", "--asyncio-mode=auto"),
        *("-o", LOOP_SCOPE, "-W", "error"),
    ),
    "beside, two workers": ("-n", "2", "-p", "randomly", "--import-mode=importlib"),
}


@pytest.mark.parametrize("words", ALONE.values(), ids=ALONE)
def test_outcomes_are_the_same_however_it_is_called(project: Project, words: tuple[str, ...]) -> None:
    done = project.pytest(*words)
    assert (done.returncode, project.colours()) == (1, EXPECTED), done.stdout


@pytest.mark.parametrize("words", BESIDE.values(), ids=BESIDE)
def test_outcomes_are_the_same_beside_other_plugins(project: Project, words: tuple[str, ...]) -> None:
    done = project.with_plugins().pytest(*words)
    assert (done.returncode, project.colours()) == (1, EXPECTED), done.stdout
    assert "Using --randomly-seed" in done.stdout
    assert ("lines of drivers that ran" in done.stdout) == ("--coverage" in words)


def test_sessions_follow_each_other(project: Project) -> None:
    """What a red session leaves, copies of its tests among it, is not collected by the next."""
    first = project.pytest("-x")
    assert (first.returncode, len(reds(project.colours()))) == (1, 1), first.stdout
    again = project.pytest("--lf")
    assert (again.returncode, set(project.colours())) == (1, reds(project.colours())), again.stdout
    third = project.pytest()
    assert (third.returncode, project.colours()) == (1, EXPECTED), third.stdout
    assert len(project.sessions()) == 3


def test_two_sessions_at_once_keep_out_of_each_others_way(project: Project) -> None:
    both = [project.start("pytest", *project.installed.options) for _ in range(2)]
    for running in both:
        with running:
            text, _ = running.communicate(timeout=900)
        assert running.returncode == 1, text
    assert [project.colours(session) for session in project.sessions()] == [EXPECTED, EXPECTED]


# words that look and test nothing, and what they print
LOOKS = {
    "collect": (("--co", "-q"), "test_counter_ends[x86_64-7-read 7]"),
    "setup plan": (("--setup-plan",), "rustbed_arch[x86_64]"),
    "markers": (("--markers",), "@pytest.mark.expect_splat("),
    "fixtures": (("--fixtures",), "build_modules"),
    "fixtures of tests": (
        ("--fixtures-per-test", "--import-mode=importlib"),
        "One pristine machine, a fork of",
    ),
    "file of arguments": (("@words.txt", "--co", "-q"), "1 test collected"),
    "expression": (("--co", "-q", "-k", "ends and 7", "-m", "not machine"), "1/8 tests collected"),
    "without a cache": (("--co", "-q", "-p", "no:cacheprovider", "-W", "error"), "8 tests collected"),
}


@pytest.mark.parametrize(("words", "said"), LOOKS.values(), ids=LOOKS)
def test_what_only_looks_makes_no_machine_and_leaves_nothing(
    project: Project, words: tuple[str, ...], said: str
) -> None:
    (project.directory / "words.txt").write_text("tests/limits/test_drivers.py::test_needs_no_machine\n")
    done = project.pytest(*words)
    assert (done.returncode, said in done.stdout) == (0, True), done.stdout
    assert not project.results.exists()


INI = """\
[pytest]
pythonpath = .
rustbed_arch = x86_64
rustbed_profile = default
rustbed_kernel = {kernel}
"""
ASKS_LATE = """
import unittest
import pytest

class TestLate(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _ask(self, request):
        self.request = request

    def test_asks_late(self):
        self.request.getfixturevalue("vm")
"""


def test_an_ini_file_says_what_is_tested_and_no_terminal_is_needed(project: Project) -> None:
    """Tests that are installed are named by their package; the session is told by its files alone."""
    options = dict(zip(*[iter(project.installed.options)] * 2, strict=True))
    kernel = options.get("--kernel", "debian:latest")
    (project.directory / "pytest.ini").write_text(INI.format(kernel=kernel))
    words = ("-p", "no:terminal", "--pyargs", "tests.life", "--ff", "-k", "warns")
    done = project.run("pytest", *words)
    # progress is not pytest's
    assert [line for line in done.stdout.splitlines() if not line.startswith("rustbed: ")] == []
    assert done.returncode == 1
    assert project.colours() == {"test_warns": "red"}


def test_what_is_wrong_in_an_ini_file_is_said_without_our_frames(project: Project) -> None:
    done = project.run("pytest", "--co", "-q", "-o", "rustbed_fragments=nosuch.config", "tests/life")
    assert (done.returncode, "no such fragment: " in done.stdout) == (2, True), done.stdout
    assert "options.py" not in done.stdout


def test_a_machine_that_a_unittest_asks_for_late_is_refused_in_a_few_lines(project: Project) -> None:
    (project.directory / "test_late.py").write_text(ASKS_LATE)
    done = project.pytest("test_late.py", "--tb=long", "-v", "--capture=tee-sys")
    assert (done.returncode, "this test has no architecture" in done.stdout) == (1, True), done.stdout
    assert ("site-packages" in done.stdout, "test_late.py:11: UsageError" in done.stdout) == (False, True)


def test_tests_that_are_only_set_up_have_no_results(project: Project) -> None:
    done = project.pytest("--setup-only", "-k", "ends and 7")
    assert (done.returncode, "SETUP    F vm" in done.stdout) == (0, True), done.stdout
    assert not (project.results / "latest" / "junit.xml").exists()


def test_options_come_from_the_environment_too(project: Project) -> None:
    done = project.run("pytest", "--co", "-q", PYTEST_ADDOPTS="--arch x86_64 -k warns")
    assert (done.returncode, "1/8 tests collected" in done.stdout) == (0, True), done.stdout


SLOW = """
import pytest

@pytest.mark.timeout(4, func_only=True)
def test_is_ended(vm):
    print("said before")
    vm.run("sleep 60")

def test_comes_after(vm):
    assert vm.run("echo here").output == "here"
"""


def test_what_pytest_timeout_says_is_in_all_reports(project: Project) -> None:
    (project.directory / "test_slow.py").write_text(SLOW)
    done = project.with_plugins().pytest("test_slow.py", "-p", "no:randomly")
    assert project.colours() == {"test_is_ended": "red", "test_comes_after": "green"}, done.stdout
    case = project.cases()["test_is_ended"]
    words = "Timeout (>4.0s) from pytest-timeout"
    assert case.message.startswith(f"{words}: waiting for the command: sleep 60, given up after ")
    assert f"E       Failed: {words}" in done.stdout
    assert "socket_pexpect.py:" not in done.stdout.partition("Captured stdout call")[0]
    latest = project.results / "latest"
    for report in (done.stdout, (latest / "junit.xml").read_text(), (latest / "report.html").read_text()):
        assert "Stack of kmsg" in report
        assert "said before" in report
    assert programs_that_name(latest.resolve()) == []


ENDED = """
import pytest

def test_comes_before(vm):
    assert vm.run("echo here").output == "here"

@pytest.mark.timeout(2, method="thread", func_only=True)
def test_is_ended(vm):
    print("said before")
    vm.run("sleep 60")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "worker"])
def test_what_pytest_timeout_says_stays_when_it_ends_the_process(
    project: Project, workers: tuple[str, ...]
) -> None:
    (project.directory / "test_ended.py").write_text(ENDED)
    done = project.with_plugins().pytest("test_ended.py", "-p", "no:randomly", *workers)
    cases = project.cases()
    reason = "Timeout (>2.0s) from pytest-timeout: waiting for the command: sleep 60"
    assert (done.returncode, cases["test_comes_before"].colour) == (1, "green"), done.stdout
    assert (cases["test_is_ended"].outcome, cases["test_is_ended"].message) == ("lost", reason)
    # without workers nothing else would have run
    assert ("rustbed session" in cases) == (workers == ())
    verdict = json.loads((project.run_directory("test_is_ended") / "verdict.json").read_text())
    assert (verdict["outcome"], verdict["reason"]) == ("lost", reason)
    # what a worker prints is not shown by pytest-xdist
    printed = ("said before", "Stack of kmsg") if not workers else ()
    for said in (f"  test_is_ended[x86_64]: {reason}", "results in", *printed):
        assert said in done.stdout
    assert programs_that_name((project.results / "latest").resolve()) == []


def test_an_ordinary_user_without_a_home_may_have_read_only_sources(project: Project, tmp_path: Path) -> None:
    results = tmp_path / "results"
    forbid_writing(project.directory)
    somebody = replace(project, runner=ordinary_user())
    done = somebody.pytest("tests", "--results", results, HOME="/nonexistent", USER="nobody")
    assert (done.returncode, project.colours(results / "latest")) == (1, EXPECTED), done.stdout
    assert not project.results.exists()


RERUN = """
import os
from pathlib import Path

import pytest


@pytest.mark.parametrize("times", [1, 9])
def test_warns_at_first(counter, reader, times):
    tries = Path(os.environ["TRIES"], str(times))
    tries.write_text(tries.read_text() + "." if tries.exists() else ".")
    with counter.module(reader, fault=int(len(tries.read_text()) <= times)):
        pass
"""


def test_a_test_that_another_plugin_runs_again_is_judged_anew_and_its_tries_are_told(
    project: Project, tmp_path: Path
) -> None:
    (project.directory / "tests" / "life" / "test_rerun.py").write_text(RERUN)
    words = ("tests/life/test_rerun.py", "--reruns", "1")
    done = project.with_plugins().pytest(*words, TRIES=str(tmp_path))
    once, always = "test_warns_at_first[1]", "test_warns_at_first[9]"
    assert (done.returncode, project.colours()) == (1, {once: "green", always: "red"}), done.stdout
    # green at the second try is green, and not silently so
    assert "flaky, red 1 of 2: WARNING in " in done.stdout
    junit = (project.results / "latest" / "junit.xml").read_text()
    assert junit.count('name="flaky" value="red 1 of 2"') == 1
    assert junit.count('name="try_1" value="fail ') == 2
    # each try has a run directory with a verdict of its own
    verdicts = [json.loads(path.read_text()) for path in project.results.glob("latest/*/verdict.json")]
    assert sorted(verdict["outcome"] for verdict in verdicts) == ["fail", "fail", "fail", "pass"]


def test_a_number_without_a_name_may_have_a_read_only_root_and_cache(project: Project) -> None:
    """As in a container: nothing can be written but the project, which has the temporary directory, too."""
    temporary = project.directory / "tmp"
    temporary.mkdir()
    box = ("bwrap", "--unshare-user", "--uid", "12345", "--gid", "12345", "--ro-bind", "/", "/")
    done = subprocess.run([*box, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no user namespaces here: {done.stderr.strip()}")
    place = str(project.directory)
    # compilers run in a box of their own, which needs a /proc that nothing covers
    binds = ("--dev", "/dev", "--dev-bind", "/proc", "/proc", "--bind", place, place)
    somebody = replace(project, runner=(*box, *binds))
    some = ("-k", "needs_no or ends")
    done = somebody.pytest(*some, HOME="/nonexistent", USER="", TMPDIR=str(temporary))
    assert (done.returncode, set(project.colours().values())) == (0, {"green"}), done.stdout
    assert len(list(temporary.glob("rustbed-12345-*/outoftree"))) == 1
