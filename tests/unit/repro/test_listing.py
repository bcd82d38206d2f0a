"""What there is to reproduce, as lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.report.junit import render_junit, write_junit
from rustbed.report.result import Result
from rustbed.report.rundir import run_dir, write_verdict
from rustbed.report.verdict import Outcome, Verdict
from rustbed.repro.listing import list_runs


def session(directory: Path) -> Path:
    for name, outcome in (("red", Outcome.CRASH), ("green", Outcome.PASS), ("known", Outcome.XFAIL)):
        run = run_dir(directory, f"test_toy.py::test_{name}")
        write_verdict(run / "verdict.json", Verdict(outcome=outcome, reason="why"))
    return directory


def named(results: Path, name: str, *outcomes: Outcome) -> Path:
    for number, outcome in enumerate(outcomes):
        run = run_dir(results / name, f"test_toy.py::test_{number}")
        write_verdict(run / "verdict.json", Verdict(outcome=outcome, reason="why"))
    write_junit(results / name / "junit.xml", render_junit("rustbed", []))
    return results / name


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUSTBED_COMMAND", raising=False)


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


def test_where_nothing_is_red_it_is_said_what_was_looked_at_and_what_to_do(tmp_path: Path) -> None:
    green = named(tmp_path, "20261129T080000Z-8", Outcome.PASS, Outcome.XFAIL)
    named(tmp_path, "20261129T060000Z-6", Outcome.CRASH)
    named(tmp_path, "20261129T070000Z-7", Outcome.CRASH, Outcome.FAIL, Outcome.PASS)
    named(tmp_path, "20261129T090000Z-9", Outcome.PASS)
    (tmp_path / "latest").symlink_to(green.name)
    assert "\n".join(list_runs(tmp_path / "latest", everything=False)).splitlines() == [
        f"no red runs in {green}: 2 runs, all green",
        f"  green runs      rustbed repro list --all {tmp_path}/latest",
        f"  other sessions  {tmp_path}/20261129T070000Z-7  2 red runs",
        f"                  {tmp_path}/20261129T060000Z-6  1 red run",
    ]


def test_red_tests_that_had_no_machine_are_named(tmp_path: Path) -> None:
    session = named(tmp_path, "20261129T080000Z-8")
    red = Result(classname="t", name="test_a", label="test_a[arm64]", file="t.py", arch="arm64",
                 outcome=Outcome.ERROR, message="toy does not build")  # fmt: skip
    write_junit(session / "junit.xml", render_junit("rustbed", [red]))
    assert "\n".join(list_runs(session, everything=False)).splitlines() == [
        f"no runs in {session}: none of its tests had a machine",
        "  red without a machine  t.py::test_a[arm64]: toy does not build",
    ]


def test_directory_of_sessions_is_an_error_that_names_some(tmp_path: Path) -> None:
    red = named(tmp_path, "20261129T080000Z-8", Outcome.HANG)
    with pytest.raises(UsageError, match="neither a session nor a run") as caught:
        list(list_runs(tmp_path, everything=False))
    assert str(caught.value).splitlines() == [
        f"{tmp_path} is neither a session nor a run",
        f"  sessions with red runs  {red}  1 red run",
    ]


def test_directory_of_other_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{tmp_path} is neither a session nor a run"):
        list(list_runs(tmp_path, everything=True))


def test_a_session_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results"):
        list(list_runs(tmp_path / "gone", everything=False))
