"""Bisections over rows of directories in the place of kernels, by real pytests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rustbed.bisect.trials import judge_results
from rustbed.report.cases import lost_case
from rustbed.report.junit import render_junit, write_junit
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

TEST = """
import os, signal, time
from pathlib import Path
import pytest

def test_kernel(request):
    directory = Path(request.config.getoption("--kernel").partition(":")[2])
    kind = (directory / "kind").read_text()
    with (Path(__file__).parent / "tried").open("a") as log:
        log.write(f"{directory.name} {kind}\\n")
    count = (Path(__file__).parent / "tried").read_text().count(f"{directory.name} ")
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "slow" and count == 1:
        time.sleep(600)
    if kind == "meets":
        deadline = time.monotonic() + 600
        while len((Path(__file__).parent / "tried").read_text().split("meets")) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    if kind == "skip":
        pytest.skip("cannot be had")
    assert kind != "bad", "broken"
    assert kind != "weak" or count % 2, "broken now and then"
"""


def argv_of(directory: Path, good: str, bad: str, *words: str) -> list[str]:
    (directory / "test_it.py").write_text(TEST)
    ends = ("--good", good, "--bad", bad)
    return [sys.executable, "-m", "rustbed.cli", "bisect", *ends, "test_it.py", "--arch", "x86_64", *words]


def built_argv(directory: Path, kinds: list[str], *words: str) -> list[str]:
    kernels = directory / "kernels"
    for number, kind in enumerate(kinds):
        (kernels / f"k{number}").mkdir(parents=True, exist_ok=True)
        (kernels / f"k{number}" / "kind").write_text(kind)
    return argv_of(directory, f"built:{kernels}/k0", f"built:{kernels}/k{len(kinds) - 1}", *words)


def env_of(directory: Path) -> dict[str, str]:
    return {**os.environ, "RUSTBED_CACHE": str(directory / "cache")}


def run(directory: Path, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=directory, env=env_of(directory), capture_output=True, text=True, check=False
    )


def bisect(directory: Path, kinds: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    return run(directory, built_argv(directory, kinds, *words))


def tried(directory: Path) -> dict[str, int]:
    """Return how often the test ran on each kernel."""
    return dict(Counter(line.split()[0] for line in (directory / "tried").read_text().splitlines()))


def test_the_first_bad_one_is_found_with_its_evidence(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good"] * 5 + ["bad"] * 4)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad: built:{tmp_path}/kernels/k5\n" in done.stdout
    assert "broken" in done.stdout
    assert f"last good built:{tmp_path}/kernels/k4" in done.stdout
    assert "k8  trial 1 of at most 5\n" in done.stdout
    files = Path(next(line.split()[1] for line in done.stdout.splitlines() if "files" in line))
    assert (files / "run-1" / "latest" / "junit.xml").is_file()
    assert len(tried(tmp_path)) < 7


def test_what_was_tried_is_not_tried_again(tmp_path: Path) -> None:
    kinds = ["good"] * 3 + ["bad"] * 3
    bisect(tmp_path, kinds)
    before = tried(tmp_path)
    done = bisect(tmp_path, kinds)
    assert (done.returncode, tried(tmp_path)) == (0, before)
    assert "(known)" in done.stdout


def test_a_kernel_that_cannot_be_tried_leaves_a_choice(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good", "skip", "bad"])
    assert done.returncode == 1
    assert f"first bad: built:{tmp_path}/kernels/k1 or built:{tmp_path}/kernels/k2\n" in done.stdout
    assert "skip: skip: " in done.stdout


def test_a_kernel_that_is_bad_at_times_is_weak(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good", "good", "weak", "bad"], "--runs", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "k2  weak (2 of 4): " in done.stdout
    assert f"first bad: built:{tmp_path}/kernels/k2\n" in done.stdout


def test_a_good_one_that_is_bad_is_nothing_to_bisect(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["bad", "bad", "bad"])
    assert done.returncode == 2
    assert "was expected to be good, but is bad" in done.stderr


def test_a_test_that_is_not_there_is_nothing_to_bisect(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good", "bad"], "-k", "nothing")
    assert done.returncode == 2
    assert "was expected to be bad, but is skip" in done.stderr


def test_a_pytest_that_is_killed_says_nothing_of_its_kernel(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good", "killed", "bad"])
    assert done.returncode == 1
    assert "k1  skip: lost: " in done.stdout


def test_several_are_tried_at_once(tmp_path: Path) -> None:
    """Each of the three in the middle is green when all three run."""
    done = bisect(tmp_path, ["good", "meets", "meets", "meets", "bad"], "--at-once", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad: built:{tmp_path}/kernels/k4\n" in done.stdout
    assert "k3  trial 5 of at most 5\n" in done.stdout
    assert tried(tmp_path) == dict.fromkeys(("k0", "k1", "k2", "k3", "k4"), 1)


def test_what_was_interrupted_is_tried_again(tmp_path: Path) -> None:
    argv = built_argv(tmp_path, ["good", "slow", "bad", "bad"])
    with subprocess.Popen(
        argv, cwd=tmp_path, env=env_of(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "k1  trial 3 of at most 4" in line:
                break
        while "k1" not in tried(tmp_path):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "k1  not finished; the same command continues from here" in rest
    # the slow one is fast and good the second time
    done = run(tmp_path, argv)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad: built:{tmp_path}/kernels/k2\n" in done.stdout
    assert tried(tmp_path) == {"k0": 1, "k1": 2, "k2": 1, "k3": 1}


def git(tree: Path, *words: str) -> str:
    identity = ("-c", "user.name=A Tester", "-c", "user.email=a@example.org")
    argv = ["git", "-C", str(tree), *identity, *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("words", [(), ("--at-once", "2")])
def test_commits_are_checked_out(tmp_path: Path, words: tuple[str, ...]) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()
    git(tree, "init", "--quiet")
    commits = []
    for number, kind in enumerate(["good", "good", "bad", "bad"]):
        (tree / "kind").write_text(kind)
        (tree / "number").write_text(str(number))
        git(tree, "add", ".")
        git(tree, "commit", "--quiet", "-m", f"{kind} {number}")
        commits.append(git(tree, "rev-parse", "HEAD"))
    argv = argv_of(tmp_path, f"tree:{tree}@{commits[0]}", f"tree:{tree}@HEAD", *words)
    done = run(tmp_path, argv)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad: tree:{tree}@{commits[2]}\n" in done.stdout
    assert re.search(r"commit    [0-9a-f]{7,} \d{4}-\d\d-\d\d A Tester: bad 2\n", done.stdout)
    assert f"last good tree:{tree}@{commits[1]}\n" in done.stdout
    # nothing is left in the repository
    assert len(git(tree, "worktree", "list").splitlines()) == 1
    assert not list((tmp_path / "results" / "bisect").glob("worktree*"))


def case(outcome: Outcome, phase: str = "") -> Result:
    properties = {"phase": phase} if phase else {}
    return Result(name="t", classname="c", file="c.py", outcome=outcome, message="why", properties=properties)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([case(Outcome.PASS)], (False, "")),
        ([case(Outcome.FAIL)], (True, "why")),
        ([case(Outcome.CRASH)], (True, "why")),
        # its kernel did not boot: whether the test would fail nobody knows
        ([case(Outcome.HANG, "setup")], (None, "hang: why")),
        ([lost_case("::rustbed session")], (None, "lost: interrupted before it ended")),
        ([case(Outcome.SKIP)], (None, "skip: why")),
        ([case(Outcome.ERROR, "setup")], (None, "error: why")),
        ([case(Outcome.XFAIL)], (False, "")),
        ([], (None, "no test was run")),
    ],
)
def test_results_are_red_green_or_tell_nothing(
    cases: list[Result], expected: tuple[bool | None, str], tmp_path: Path
) -> None:
    junit = tmp_path / "junit.xml"
    write_junit(junit, render_junit("rustbed", cases, started=datetime.now(UTC), properties=()))
    assert judge_results(junit) == expected
