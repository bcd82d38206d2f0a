"""Directories of processes that are killed: removed by the next one, and no others."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rustbed.scratch import open_scratch

HOLDER = """
import sys, time
from rustbed.scratch import open_scratch

with open_scratch("rustbed-x.") as directory:
    (directory / "inner").mkdir()
    (directory / "inner/file").touch()
    print(directory, flush=True)
    time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder, an empty one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def start_holder() -> tuple[subprocess.Popen[str], Path]:
    """Start a process with a directory."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    return holder, Path(holder.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not() -> None:
    dead, left = start_holder()
    dead.kill()
    dead.communicate()
    living, used = start_holder()
    try:
        # the second one removed it before it said where it is
        assert (left.exists(), (used / "inner/file").exists()) == (False, True)
        with open_scratch("rustbed-x.") as mine:
            assert (used / "inner/file").exists()
        assert not mine.exists()
    finally:
        living.kill()
        living.communicate()
    with open_scratch("rustbed-x."):
        assert not used.exists()


def test_others_are_left_alone(temporary: Path) -> None:
    kept = [temporary / "rustbed-x.unlocked", temporary / "rustbed-y.1", temporary / "elsewhere"]
    for path in kept:
        path.mkdir()
    for path in kept[1:]:
        (path / "lock").touch()
    (temporary / "rustbed-x.link").symlink_to("elsewhere")
    with open_scratch("rustbed-x."):
        assert all(path.is_dir() for path in kept)
        assert (temporary / "rustbed-x.link").is_symlink()
        assert (kept[2] / "lock").exists()
