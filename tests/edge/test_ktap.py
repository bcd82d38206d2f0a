"""`rustbed ktap` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.cli.main import main
from rustbed.report.results import load_results

GREEN = "[    1.000000] KTAP version 1\n[    1.000001] 1..1\n[    1.000002] ok 1 here\n"


def test_results_are_counted_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, xml = tmp_path / "console.log", tmp_path / "out/junit.xml"
    log.write_text(GREEN.replace("1..1", "1..2"))
    assert main(["ktap", str(log), "-o", str(xml)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "lost  test 2: the plan announced 2",
        "odd   the report: 1 results came, the plan announced 2",
        "1 lost, 1 pass",
    ]
    assert sorted(name for _, name, _ in load_results([xml]).tests) == ["here", "test 2"]


def test_green_is_0_and_no_report_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "dmesg"
    log.write_text(GREEN)
    assert main(["ktap", str(log)]) == 0
    log.write_bytes(b"\xff\x00[    0.000000] Linux version 7.3.4\n")
    assert main(["ktap", str(log)]) == 2
    assert "KTAP version 1" in capsys.readouterr().err
    assert main(["ktap", str(tmp_path / "none")]) == 2
