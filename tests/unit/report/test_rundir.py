from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed import runfiles
from rustbed.errors import HostError
from rustbed.log.splat import Kind, Splat
from rustbed.report.rundir import (
    is_evidence,
    keep_source,
    open_session,
    remove_old_sessions,
    run_dir,
    write_verdict,
)
from rustbed.report.verdict import BEGUN, Expectation, MachineReport, Outcome, Verdict

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


# -- sessions ----------------------------------------------------------------


def test_session_is_named_by_its_start_and_process(tmp_path: Path) -> None:
    session = open_session(tmp_path / "results", now=NOON)
    assert session == tmp_path / "results" / f"20260301T120000Z-{os.getpid()}"
    assert session.is_dir()


def test_session_is_named_in_utc(tmp_path: Path) -> None:
    local = NOON.astimezone(timezone(timedelta(hours=5)))
    assert open_session(tmp_path, now=local).name.startswith("20260301T120000Z-")


def test_second_session_in_the_same_second_has_its_own_directory(tmp_path: Path) -> None:
    assert open_session(tmp_path, now=NOON) != open_session(tmp_path, now=NOON)


def test_latest_points_at_the_newest_session(tmp_path: Path) -> None:
    open_session(tmp_path, now=NOON)
    newest = open_session(tmp_path, now=NOON + timedelta(hours=1))
    assert (tmp_path / runfiles.LATEST).resolve() == newest.resolve()
    # relative, so that the results can be moved
    assert (tmp_path / runfiles.LATEST).readlink() == Path(newest.name)


def test_latest_that_is_no_link_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / runfiles.LATEST).mkdir()
    with pytest.raises(HostError, match="is not a symbolic link"):
        open_session(tmp_path, now=NOON)
    assert not list(tmp_path.glob(".latest*"))


def test_oldest_sessions_go(tmp_path: Path) -> None:
    for day in range(1, 6):
        old = tmp_path / f"2026020{day}T000000Z-999999999"
        (old / "a-test").mkdir(parents=True)
        (old / "a-test").chmod(0o500)
    session = open_session(tmp_path, now=NOON)
    remove_old_sessions(session, keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20260204T000000Z-999999999",
        "20260205T000000Z-999999999",
        session.name,
        runfiles.LATEST,
    ]


def test_session_keeps_itself_even_if_none_are_kept(tmp_path: Path) -> None:
    (tmp_path / "20990101T000000Z-999999999").mkdir()
    session = open_session(tmp_path, now=NOON)
    remove_old_sessions(session, keep=0)
    assert session.is_dir()


def test_session_whose_process_runs_is_kept(tmp_path: Path) -> None:
    running = tmp_path / f"20200101T000000Z-{os.getppid()}"
    running.mkdir()
    remove_old_sessions(open_session(tmp_path, now=NOON), keep=1)
    assert running.is_dir()


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    for name in ("mine", "20200101", "20200101T000000Z-", "x20200101T000000Z-1"):
        (tmp_path / name).mkdir()
    (tmp_path / "20200101T000000Z-999999998").write_text("a file")
    (tmp_path / "20200101T000000Z-999999999").symlink_to(tmp_path / "mine")
    remove_old_sessions(open_session(tmp_path, now=NOON), keep=1)
    assert len(list(tmp_path.iterdir())) == 8


# -- run directories ---------------------------------------------------------


def test_run_directory_is_named_after_its_test(tmp_path: Path) -> None:
    path = run_dir(tmp_path, "tests/drivers/test_toy.py::TestProbe::test_reads[arm64-0x2a]")
    assert path == tmp_path / "test_toy-TestProbe-test_reads-arm64-0x2a"


def test_run_directory_begins_with_a_lost_verdict(tmp_path: Path) -> None:
    document = json.loads((run_dir(tmp_path, "test_a.py::test_b") / runfiles.VERDICT).read_text())
    assert document == {
        "test": "test_a.py::test_b",
        "outcome": "lost",
        "reason": "the session ended before this test did",
        "fingerprints": list(BEGUN.fingerprints),
        "splats": [],
        "missing": [],
        "machines": [],
    }


def test_tests_with_the_same_readable_name_have_their_own_directories(tmp_path: Path) -> None:
    ids = ["test_a.py::test_b[x/y]", "test_a.py::test_b[x:y]", "other/test_a.py::test_b[x/y]"]
    assert len({run_dir(tmp_path, nodeid) for nodeid in ids}) == 3


def test_same_test_again_has_its_own_directory(tmp_path: Path) -> None:
    paths = [run_dir(tmp_path, "test_a.py::test_b") for _ in range(4)]
    assert len(set(paths)) == 4
    assert all(path.name.startswith("test_a-test_b") for path in paths)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_test_id_makes_a_directory_in_the_session(
    tmp_path_factory: pytest.TempPathFactory, nodeid: str
) -> None:
    session = tmp_path_factory.mktemp("session")
    path = run_dir(session, nodeid)
    assert path.parent == session
    assert path.is_dir()
    assert path.name.isascii()
    assert not path.name.startswith((".", "-"))
    assert len(path.name) <= 140


# -- verdict.json ------------------------------------------------------------


def test_verdict_is_written_with_what_led_to_it(tmp_path: Path) -> None:
    splat = Splat(
        kind=Kind.WARNING,
        title="WARNING in toy",
        function="toy",
        fatal=False,
        first=1,
        last=2,
        file="drivers/toy.c",
        line=7,
        fingerprint="0123456789ab",
        task="insmod/74",
    )
    machine = MachineReport(
        arch="arm64",
        release="7.3.4",
        accel="tcg",
        boot_ms=12.5,
        kernel_began=99.25,
        records=(),
        splats=(splat,),
        taints=("warned",),
        ended=Outcome.HANG,
        hang="guest dead",
        reason="nothing moved for 15 s",
        run_dir=tmp_path,
    )
    verdict = Verdict(
        outcome=Outcome.HANG,
        reason="nothing moved for 15 s",
        splats=(splat,),
        missing=(Expectation(pattern="x", kind=None),),
    )
    write_verdict(tmp_path / runfiles.VERDICT, verdict, [machine], test="t")
    shown = {
        "kind": "warning",
        "title": "WARNING in toy",
        "function": "toy",
        "fatal": False,
        "first": 1,
        "last": 2,
        "file": "drivers/toy.c",
        "line": 7,
        "fingerprint": "0123456789ab",
        "task": "insmod/74",
        "damage": "",
    }
    assert json.loads((tmp_path / runfiles.VERDICT).read_text()) == {
        "test": "t",
        "outcome": "hang",
        "reason": "nothing moved for 15 s",
        "fingerprints": ["0123456789ab"],
        "splats": [shown],
        "missing": [{"pattern": "x", "kind": None}],
        "machines": [
            {
                "directory": ".",
                "arch": "arm64",
                "release": "7.3.4",
                "accel": "tcg",
                "boot_ms": 12.5,
                "kernel_began": 99.25,
                "ended": "hang",
                "reason": "nothing moved for 15 s",
                "hang": "guest dead",
                "taints": ["warned"],
                "splats": [shown],
            }
        ],
    }


def test_a_red_tests_source_stays_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "test_toy.py"
    source.write_text("before")
    keep_source(tmp_path, source)
    source.write_text("after")
    assert (tmp_path / runfiles.SOURCE / "test_toy.py").read_text() == "before"


def test_a_test_without_a_file_has_no_source(tmp_path: Path) -> None:
    keep_source(tmp_path, tmp_path / "nowhere.py")
    assert list((tmp_path / runfiles.SOURCE).iterdir()) == []


def test_text_that_no_encoding_holds_is_written_all_the_same(tmp_path: Path) -> None:
    write_verdict(tmp_path / runfiles.VERDICT, Verdict(outcome=Outcome.FAIL, reason="a\ud800b"))
    assert json.loads((tmp_path / runfiles.VERDICT).read_text())["reason"] == r"a\ud800b"


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        *(("20260102T030405Z-77", True), ("20260102T030405Z-77.2", True), ("latest", True)),
        *(("elsewhere/run/source", True), ("elsewhere/run", False), ("elsewhere/source", False)),
        *(("20260102", False), ("mine/latest", False)),
    ],
)
def test_evidence_is_told_from_what_a_project_has_beside_it(
    tmp_path: Path, path: str, evidence: bool
) -> None:
    for name in ("20260102T030405Z-77", "20260102T030405Z-77.2", "elsewhere/run/source", "elsewhere/source"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("20260102", "mine/latest"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "latest").symlink_to("20260102T030405Z-77")
    (tmp_path / "elsewhere/run/verdict.json").write_text("{}")
    assert is_evidence(tmp_path / path) is evidence
