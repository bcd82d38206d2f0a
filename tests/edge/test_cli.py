"""The command line's words, exit statuses and complaints; nothing here builds or boots."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def rustbed(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "harness.cli", *words, "--cache", str(cache)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--arch", "sparc"], "unknown architecture 'sparc'"),
        (["build", "--kernel", "nonsense"], "unknown kernel source 'nonsense'"),
        (["build", "--profile", "dbug"], "unknown profile 'dbug'"),
        (["clean", "nothing"], "the cache has no nothing"),
        (["bench", "nothing"], "invalid choice: 'nothing'"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
    ],
)
def test_what_cannot_be_is_status_2_with_the_reason(tmp_path: Path, words: list[str], said: str) -> None:
    done = rustbed(*words, cache=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_kernel_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    done = rustbed("build", "--kernel", f"built:{tmp_path}/nothing", "--toolchain", "host", cache=tmp_path)
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr


def test_clean_removes_what_it_is_told(tmp_path: Path) -> None:
    for kind in ("kernels", "images"):
        (tmp_path / kind / "entry").mkdir(parents=True)
    assert rustbed("clean", "images", cache=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kernels"]
    assert rustbed("clean", cache=tmp_path).returncode == 0
    assert not tmp_path.exists()


def test_doctor_names_what_is_there(tmp_path: Path) -> None:
    done = rustbed("doctor", cache=tmp_path)
    assert "mmdebstrap" in done.stdout
    assert "none yet: made when first needed" in done.stdout
