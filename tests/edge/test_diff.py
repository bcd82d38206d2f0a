"""`rustbed diff` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rustbed import runfiles
from rustbed.cli.main import main


def leave_run(
    session: Path, arch: str, *, test: str = "test_up", said: str = "toy: up", outcome: str = "pass"
) -> Path:
    """Write what a run on an architecture leaves behind, as far as it is compared."""
    directory = session / f"test_toy-{test}-{arch}"
    directory.mkdir(parents=True)
    machine = {"directory": ".", "arch": arch}
    name = f"test_toy.py::{test}[{arch}]"
    verdict = {"test": name, "outcome": outcome, "reason": "why", "machines": [machine]}
    (directory / runfiles.VERDICT).write_text(json.dumps(verdict))
    (directory / runfiles.KERNEL).write_text(f"[    1.000000] {said}\n")
    return directory


def test_two_runs_that_are_alike_are_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = leave_run(tmp_path, "arm"), leave_run(tmp_path, "s390x")
    assert main(["diff", str(left), str(right)]) == 0
    assert capsys.readouterr().out == "arm and s390x: 1 test on both sides, 0 differ\n"


def test_what_differs_is_printed_and_1_unless_it_is_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = leave_run(tmp_path, "arm"), leave_run(tmp_path, "s390x", said="toy: down")
    assert main(["diff", str(left), str(right)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "test_toy.py::test_up: arm and s390x differ",
        "  records",
        "    arm    toy: up",
        "    s390x  toy: down",
        "arm and s390x: 1 test on both sides, 1 differ",
    ]
    assert main(["diff", str(left), str(right), "--ignore", "^toy: (up|down)$"]) == 0


def test_two_runs_on_one_architecture_are_named_by_the_side_on_which_they_were_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    leave_run(before, "arm")
    leave_run(after, "arm", said="toy: down")
    leave_run(after, "arm", test="test_new")
    assert main(["diff", str(before), str(after)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "test_toy.py::test_up: left and right differ",
        "  records",
        "    left   toy: up",
        "    right  toy: down",
        "test_toy.py::test_new: only on right",
        "left and right: 1 test on both sides, 1 differ",
    ]


def test_one_session_is_compared_with_itself_by_architecture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arch in ("arm", "s390x"):
        leave_run(tmp_path, arch)
    leave_run(tmp_path, "arm", test="test_plugged")
    session = str(tmp_path)
    assert main(["diff", session, session]) == 2
    assert "runs on several architectures" in capsys.readouterr().err
    assert main(["diff", session, session, "--arch", "arm,s390x"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "test_toy.py::test_plugged: only on arm",
        "arm and s390x: 1 test on both sides, 0 differ",
    ]


def test_architectures_of_a_session_are_compared_with_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arch in ("arm", "riscv64", "s390x"):
        for test in ("test_up", "test_down"):
            leave_run(tmp_path, arch, test=test, said="toy: 8" if arch == "s390x" else "toy: 4")
    leave_run(tmp_path, "arm", test="test_known", outcome="xfail")
    leave_run(tmp_path, "s390x", test="test_known")
    assert main(["diff", str(tmp_path), "--arch", "arm,riscv64,s390x"]) == 1
    said = [
        "test_toy.py::test_known: only on arm",
        "arm and riscv64: 2 tests on both sides, 0 differ",
        "test_toy.py::test_down: arm and s390x differ",
        "test_toy.py::test_up: arm and s390x differ",
        "  records",
        "    arm    toy: 4",
        "    s390x  toy: 8",
        "test_toy.py::test_known: xfail on arm: why; pass on s390x",
        "arm and s390x: 3 tests on both sides, 2 differ, 1 ended differently as marked",
    ]
    assert capsys.readouterr().out.splitlines() == said
    # without --arch, all that the session has
    assert main(["diff", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == said


def test_declared_lines_may_differ_and_their_reasons_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for test in ("test_up", "test_down"):
        leave_run(tmp_path / "runs", "arm", test=test, said="toy: size 4")
        leave_run(tmp_path / "runs", "s390x", test=test, said="toy: size 8")
    file = tmp_path / "differences.yaml"
    file.write_text("differences:\n  - reason: word size\n    lines: '^toy: size'\n    arch: arm\n")
    assert main(["diff", str(tmp_path / "runs"), "--declared", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "declared in 2 tests: word size",
        "arm and s390x: 2 tests on both sides, 0 differ",
    ]
    file.write_text("differences: 1\n")
    assert main(["diff", str(tmp_path / "runs"), "--declared", str(file)]) == 2
    assert str(file) in capsys.readouterr().err


def test_what_cannot_be_compared_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = leave_run(tmp_path, "arm"), leave_run(tmp_path, "arm", test="test_other")
    assert main(["diff", str(run), str(tmp_path / "none")]) == 2
    assert f"there is no directory {tmp_path}/none" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    assert main(["diff", str(run), str(tmp_path / "none")]) == 2
    assert "no run of a test with a machine" in capsys.readouterr().err
    assert main(["diff", str(run), str(other)]) == 2
    assert "no test in common" in capsys.readouterr().err
    assert main(["diff", str(run), str(run), "--arch", "arm,s390x"]) == 2
    assert "no run on s390x" in capsys.readouterr().err
    assert main(["diff", str(run)]) == 2
    assert "runs on one architecture only" in capsys.readouterr().err
    assert main(["diff", str(run), str(run), "--arch", "arm,arm64,s390x"]) == 2
    assert "one architecture for each of two runs" in capsys.readouterr().err
    (run / runfiles.VERDICT).write_text("{")
    assert main(["diff", str(run), str(run)]) == 2
    assert "cannot read" in capsys.readouterr().err
    for wrong in (["--arch", "arm"], ["--ignore", "("]):
        with pytest.raises(SystemExit, match="2"):
            main(["diff", str(run), str(run), *wrong])
