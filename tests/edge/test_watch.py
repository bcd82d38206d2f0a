"""`rustbed watch` on a project without machines: a change is followed by a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

pytest.importorskip("watchfiles")

TEST = "def test_it():\n    assert {}\n"


def test_a_saved_test_is_run_at_once_until_ctrl_c(tmp_path: Path) -> None:
    # no warning comes of what was imported ahead
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_one.py").write_text(TEST.format(1))
    (tmp_path / "test_two.py").write_text(TEST.format(1))
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "rustbed.cli", "watch", "-q"],
        cwd=str(tmp_path),
        env={**os.environ, "NO_COLOR": "1"},
        timeout=600,
        encoding="utf-8",
    )
    terminal.expect_exact("2 passed")
    terminal.expect_exact("waiting for a change")
    (tmp_path / "test_two.py").write_text(TEST.format(0))
    terminal.expect_exact("1 failed")
    terminal.expect("== FAILED in .* waiting")
    (tmp_path / "conftest.py").write_text("")
    terminal.expect_exact("1 failed, 1 passed")
    terminal.expect_exact("waiting for a change")
    terminal.sendintr()
    terminal.expect_exact("interrupted")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130


def test_a_waiting_pytest_that_is_given_nothing_ends_well(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "rustbed.plugin.standby", str(tmp_path / "machines")]
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode == 0
