"""Verdicts, exit statuses and files of a run with every kind of ending in it."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from tests.boot import pytest_runs

# one architecture shows it: nothing here depends on which
pytestmark = pytest.mark.arches("riscv64")


@dataclass(frozen=True)
class Ran:
    status: int
    output: str
    results: Path

    @property
    def cases(self) -> dict[str, ET.Element]:
        return pytest_runs.cases(self.results)


_ran: list[Ran] = []


@pytest.fixture
def ran(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    """Run the scene once for all tests here."""
    if not _ran:
        results = tmp_path_factory.mktemp("verdicts")
        argv = pytest_runs.pytest_argv(request.config, "scene_verdicts.py", arch, results)
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        _ran.append(Ran(done.returncode, done.stdout + done.stderr, results))
    return _ran[0]


def test_exit_status_is_pytests(ran: Ran) -> None:
    assert ran.status == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("name", "colour", "outcome"),
    [
        ("test_passes", "passed", "pass"),
        ("test_asserts_in_vain", "failure", "fail"),
        ("test_fails_in_the_guest", "failure", "fail"),
        ("test_oopses_unnoticed", "failure", "fail"),
        ("test_oopses_as_declared", "passed", "pass"),
        ("test_declares_what_does_not_come", "failure", "fail"),
        ("test_panics", "failure", "crash"),
        ("test_skips", "skipped", "skip"),
        ("test_is_known_to_fail", "skipped", "xfail"),
        ("test_is_fixed", "failure", "fail"),
        ("test_asks_for_nonsense", "error", "error"),
        ("test_asks_for_a_device_that_nobody_has", "error", "error"),
        ("test_hides_an_oops_behind_begin", "failure", "fail"),
        ("test_panics_with_modules_that_a_fixture_loaded", "failure", "crash"),
        ("test_panics_as_declared_with_modules_that_a_fixture_loaded", "passed", "pass"),
    ],
)
def test_each_ending_has_its_colour_and_outcome(ran: Ran, name: str, colour: str, outcome: str) -> None:
    case = ran.cases[name]
    assert (pytest_runs.colour(case), pytest_runs.properties(case)["outcome"]) == (colour, outcome)


def test_modules_on_a_machine_that_is_gone_are_no_second_failure(ran: Ran) -> None:
    lines = [line for line in ran.output.splitlines() if "::test_panics_with_modules" in line]
    assert [line.partition(" ")[0] for line in lines if line.startswith(("FAILED", "ERROR"))] == ["FAILED"]


def test_case_carries_kernel_arch_accel_boot_time_and_log(ran: Ran, kernel: Kernel, arch: Arch) -> None:
    case = ran.cases["test_passes"]
    facts = pytest_runs.properties(case)
    assert facts["kernel_release"] == kernel.release
    assert facts["arch"] == arch.name
    assert facts["accel"] in ("kvm", "tcg")
    assert int(facts["boot_ms"] or 0) > 0
    log = case.findtext("system-out") or ""
    assert "rust_minimal: Rust minimal sample (init)" in log


def test_failure_text_shows_the_splat_and_where_the_rest_is(ran: Ran) -> None:
    assert ": BUG: " in ran.output
    assert "full_proxy_release" in ran.output
    assert "run.sh" in ran.output
    assert "cat: can't open '/nonexistent'" in ran.output


def test_qemus_refusal_is_quoted(ran: Ran) -> None:
    assert "'nosuch-device' is not a valid device model name" in ran.output


def test_missing_declared_splat_is_named(ran: Ran) -> None:
    assert "declared splat did not come: /nothing of the kind/" in ran.output


def test_wrong_marker_names_the_choices(ran: Ran) -> None:
    assert "a machine has no memry_mib" in ran.output
    assert "memory_mib" in ran.output


def run_directory(ran: Ran, name: str) -> Path:
    return pytest_runs.run_directory(ran.results, ran.cases[name])


def test_run_directory_has_everything(ran: Ran) -> None:
    directory = run_directory(ran, "test_oopses_unnoticed")
    assert {path.name for path in directory.iterdir()} >= {
        *("console.log", "records.log", "kernel.log", "shell.log", "monitor.log"),
        *("qemu.log", "run.sh", "verdict.json"),
    }
    verdict = json.loads((directory / "verdict.json").read_text())
    assert verdict["outcome"] == "fail"
    assert "full_proxy_release" in verdict["splats"][0]["title"]


def test_run_script_boots_the_same_kernel_without_the_harness(ran: Ran, kernel: Kernel) -> None:
    directory = run_directory(ran, "test_passes")
    with subprocess.Popen(
        [str(directory / "run.sh")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory
    ) as machine:
        assert machine.stdin is not None
        assert machine.stdout is not None
        assert machine.stdout.readline() == b"rustbed-ready 2\n"
        machine.stdin.write(b"uname -r; poweroff -f\n")
        machine.stdin.flush()
        assert machine.stdout.readline().decode().strip() == kernel.release
    assert machine.returncode == 0


# one test that passes, one that fails and one that panics, by two workers
THREE = ("-n", "2", "-k", "passes or vain or (panics and not fixture)")


def test_two_workers_share_one_report(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    argv = pytest_runs.pytest_argv(
        request.config,
        "scene_verdicts.py",
        arch,
        tmp_path,
        "-n",
        "2",
        "-k",
        "passes or vain or (panics and not fixture)",
    )
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    cases = pytest_runs.cases(tmp_path)
    assert {name: pytest_runs.colour(case) for name, case in cases.items()} == {
        "test_passes": "passed",
        "test_asserts_in_vain": "failure",
        "test_panics": "failure",
    }


def test_summary_says_where_machines_came_from(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    said = []
    for more in ((), ("--no-fork",)):
        argv = pytest_runs.pytest_argv(request.config, "scene_verdicts.py", arch, tmp_path, *THREE, *more)
        said.append(subprocess.run(argv, capture_output=True, text=True, check=False).stdout)
    assert "rustbed: 0 machines forked, 3 booted as asked\n" in said[1]
    if not request.config.getoption("--no-fork"):
        ways = r"rustbed: 3 machines forked( \([12] as copies of a running one\))?, 0 booted as asked\n"
        assert re.search(ways, said[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arch", "sparc"], "unknown architecture 'sparc'"),
        (["--fragment", "/nonexistent"], "no such fragment: /nonexistent"),
        (["--kernel", "debain:latest"], "unknown kernel source 'debain:latest'"),
        (["--profile", "dbug"], "unknown profile 'dbug'"),
    ],
)
def test_wrong_option_is_a_usage_error(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path, words: list[str], said: str
) -> None:
    argv = pytest_runs.pytest_argv(request.config, "scene_verdicts.py", arch, tmp_path, *words)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stdout + done.stderr
