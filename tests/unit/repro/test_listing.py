"""What there is to reproduce, as lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.report.rundir import run_dir, write_verdict
from rustbed.report.verdict import Outcome, Verdict
from rustbed.repro.listing import list_runs


def session(directory: Path) -> Path:
    for name, outcome in (("red", Outcome.CRASH), ("green", Outcome.PASS), ("known", Outcome.XFAIL)):
        run = run_dir(directory, f"test_toy.py::test_{name}")
        write_verdict(run / "verdict.json", Verdict(outcome=outcome, reason="why"))
    return directory


def test_red_runs_are_listed_with_their_reason(tmp_path: Path) -> None:
    assert list(list_runs(session(tmp_path), everything=False)) == [
        f"crash  {tmp_path}/test_toy-test_red  why"
    ]


def test_all_runs_are_listed_on_request(tmp_path: Path) -> None:
    listed = [line.split()[0] for line in list_runs(session(tmp_path), everything=True)]
    assert listed == ["pass", "xfail", "crash"]


def test_a_run_by_itself_is_listed(tmp_path: Path) -> None:
    (line,) = list_runs(session(tmp_path) / "test_toy-test_red", everything=False)
    assert line.startswith("crash")


def test_a_verdict_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (session(tmp_path) / "test_toy-test_green" / "verdict.json").write_text("{")
    assert "cannot be read" in next(iter(list_runs(tmp_path, everything=False)))


def test_nothing_red_is_said(tmp_path: Path) -> None:
    assert list(list_runs(tmp_path, everything=False)) == [f"no red runs in {tmp_path}"]


def test_a_session_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results"):
        list(list_runs(tmp_path / "gone", everything=False))
