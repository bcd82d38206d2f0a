"""The gate as a CI job calls it: files in, a line each and an exit status out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.edge.commands import gate

from rustbed.report.junit import render_junit
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

KNOWN = """\
issues:
- test: "*::test_a"
  assertion: broken
  reason: the driver needs a firmware that nobody has
  link: https://example.org/1
  expires: 2999-01-01
"""


def junit(path: Path, **outcomes: str) -> Path:
    cases = [
        Result(name=f"{name}[arm64]", classname="tests.x", outcome=Outcome(outcome), message="broken")
        for name, outcome in outcomes.items()
    ]
    path.write_text(render_junit("rustbed", cases))
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return junit(tmp_path / "old.xml", test_a="pass", test_b="pass")


@pytest.mark.parametrize(
    ("new", "status", "last"),
    [
        ({"test_a": "pass", "test_b": "pass"}, 0, "gate: no regression: 2 tests"),
        ({"test_a": "fail", "test_b": "pass"}, 1, "gate: regression: 2 tests"),
        ({"test_a": "pass"}, 2, "gate: cannot be judged: 1 test, 2 in"),
        ({"test_a": "pass", "test_b": "skip"}, 2, "gate: cannot be judged"),
        ({"test_a": "pass", "test_b": "error"}, 2, "gate: cannot be judged"),
        ({}, 2, "gate: cannot be judged: 0 tests"),
    ],
)
def test_exit_status_and_last_line_agree(
    old: Path, tmp_path: Path, new: dict[str, str], status: int, last: str
) -> None:
    done = gate("--baseline", old, junit(tmp_path / "new.xml", **new))
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.splitlines()[-1].startswith(last)


@pytest.mark.parametrize("text", ["", "no xml", "<html/>", '<!DOCTYPE a [<!ENTITY b "c">]><testsuites/>'])
@pytest.mark.parametrize("whose", ["old", "new"])
def test_unreadable_file_is_two_and_named(old: Path, tmp_path: Path, text: str, whose: str) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text(text)
    done = gate("--baseline", bad, old) if whose == "old" else gate("--baseline", old, bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"rustbed: {bad}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--baseline", "/nonexistent", "/nonexistent"],
        ["--baseline", "/dev/null", "/dev/null"],
        ["--baseline", "OLD", "--slower", "0.5", "OLD"],
        ["--baseline", "OLD", "--format", "html", "OLD"],
        ["--baseline", "OLD", "--known-issues", "/nonexistent", "OLD"],
    ],
)
def test_wrong_call_is_two(old: Path, words: list[str]) -> None:
    done = gate(*(old if word == "OLD" else word for word in words))
    assert done.returncode == 2
    assert done.stderr != ""
    assert "Traceback" not in done.stderr


def test_shards_are_judged_together(old: Path, tmp_path: Path) -> None:
    one, two = junit(tmp_path / "1.xml", test_a="pass"), junit(tmp_path / "2.xml", test_b="pass")
    assert gate("--baseline", old, one, two).returncode == 0
    assert gate("--baseline", old, one).returncode == 2


def test_known_issue_is_zero_and_its_file_is_checked(old: Path, tmp_path: Path) -> None:
    new = junit(tmp_path / "new.xml", test_a="fail", test_b="pass")
    known = tmp_path / "known.yaml"
    known.write_text(KNOWN)
    done = gate("--baseline", old, "--known-issues", known, new)
    assert (done.returncode, done.stdout.split("  ")[0]) == (0, "KNOWN")
    assert "firmware that nobody has, https://example.org/1" in done.stdout
    known.write_text(KNOWN.replace("  reason: the driver needs a firmware that nobody has\n", ""))
    done = gate("--baseline", old, "--known-issues", known, new)
    assert done.returncode == 2
    assert f"{known}:2: missing key 'reason'" in done.stderr


def test_json_is_read_by_programs(old: Path, tmp_path: Path) -> None:
    done = gate(
        "--baseline", old, "--format", "json", junit(tmp_path / "n.xml", test_a="crash", test_b="pass")
    )
    assert json.loads(done.stdout)["status"] == done.returncode == 1


def test_history_of_several_directories_is_said(old: Path, tmp_path: Path) -> None:
    new = junit(tmp_path / "new.xml", test_a="fail", test_b="pass")
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        junit(tmp_path / name / "junit.xml", test_a="pass", test_b="pass")
    done = gate("--baseline", old, "--history", tmp_path / "monday", "--history", tmp_path / "tuesday", new)
    assert done.returncode == 1
    assert "broken [red, 0 of 2 before]" in done.stdout


def test_flakes_are_expected_from_a_history_only(old: Path) -> None:
    done = gate("--baseline", old, "--expect-flakes", "30", old)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--history DIR" in done.stderr


def test_github_gets_the_lines_that_no_test_ran(old: Path, tmp_path: Path) -> None:
    results = tmp_path / "new"
    results.mkdir()
    junit(results / "junit.xml", test_a="pass", test_b="pass")
    trace = f"SF:{Path.cwd() / 'driver/toy.rs'}\nDA:3,1\nDA:4,0\nend_of_record\n"
    (results / "coverage.lcov").write_text(trace)
    done = gate("--baseline", old, "--format", "github", results)
    notice, last = done.stdout.splitlines()
    assert notice.startswith("::notice file=driver/toy.rs,line=4,endLine=4,")
    assert last.startswith("gate: no regression")
