"""Bisections over rows of directories in the place of kernels, by real pytests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TEST = """
from pathlib import Path
import pytest

def test_kernel(request):
    directory = Path(request.config.getoption("--kernel").removeprefix("built:"))
    counter = directory / "count"
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    kind = (directory / "kind").read_text()
    if kind == "skip":
        pytest.skip("cannot be had")
    assert kind != "bad", "broken"
    assert kind != "weak" or count % 2, "broken now and then"
"""


def bisect(directory: Path, kinds: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(TEST)
    kernels = directory / "kernels"
    for number, kind in enumerate(kinds):
        (kernels / f"k{number}").mkdir(parents=True, exist_ok=True)
        (kernels / f"k{number}" / "kind").write_text(kind)
    ends = ("--good", f"built:{kernels}/k0", "--bad", f"built:{kernels}/k{len(kinds) - 1}")
    argv = [sys.executable, "-m", "harness.cli", "bisect", *ends, "test_it.py", "--arch", "x86_64", *words]
    return subprocess.run(
        argv,
        cwd=directory,
        env={**os.environ, "RUSTBED_CACHE": str(directory / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def tried(directory: Path) -> dict[str, int]:
    """Return how often the test ran on each kernel."""
    return {path.parent.name: int(path.read_text()) for path in sorted(directory.glob("kernels/*/count"))}


def test_the_first_bad_one_is_found_with_its_evidence(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good"] * 5 + ["bad"] * 4)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad: built:{tmp_path}/kernels/k5\n" in done.stdout
    assert "broken" in done.stdout
    assert f"last good built:{tmp_path}/kernels/k4" in done.stdout
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
    assert "was to be good and is bad" in done.stderr


def test_a_test_that_is_not_there_is_nothing_to_bisect(tmp_path: Path) -> None:
    done = bisect(tmp_path, ["good", "bad"], "-k", "nothing")
    assert done.returncode == 2
    assert "was to be bad and is skip" in done.stderr
