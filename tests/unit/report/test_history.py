"""Earlier runs: how often a test was red in them, and whether that is expected."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from rustbed.report.changes import Change
from rustbed.report.gate import Comparison, compare
from rustbed.report.gate_formats import FORMATS, render_text
from rustbed.report.history import load_history, red_names
from rustbed.report.past import Past, Ran
from rustbed.report.results import load_results

TODAY = date(2026, 11, 21)
BEGIN = date(2026, 10, 1)


def junit(path: Path, end: str, day: date = TODAY, message: str = "ring is full", suite: str = "s") -> Path:
    """Write results in which `probe` passed (.), failed (x), was skipped (s); a second test passed."""
    shown = {".": "", "x": f'<failure message="{message}"/>', "s": "<skipped/>"}[end]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<testsuite name="{suite}" timestamp="{day}T10:00:00">'
        f'<testcase classname="t" name="probe">{shown}</testcase>'
        '<testcase classname="t" name="other"/></testsuite>'
    )
    return path


def past(ends: str) -> Past:
    runs = (Ran(day=BEGIN + timedelta(days=n), is_red=end == "x") for n, end in enumerate(ends))
    return Past(runs=tuple(runs), begins=BEGIN)


@pytest.mark.parametrize(
    ("ends", "is_red", "said"),
    [
        ("." * 40, True, "red, 0 of 40 before"),
        ("." * 40, False, "red 0 of 40 before"),
        ("", True, "no earlier run"),
        ("..x...", True, "red 1 of 6 before, last on 2026-10-03"),
        ("..xx..", True, "red 2 of 6 before, last on 2026-10-04"),
        (".x.x..", True, "flaky since 2026-10-02, red 2 of 6 before"),
        (".x.x..", False, "flaky since 2026-10-02, red 2 of 6 before"),
        ("...xxx", True, "red since 2026-10-04, 3 of 6 before"),
        (".x.xxx", True, "red since 2026-10-04, 4 of 6 before"),
    ],
)
def test_the_past_of_a_test_is_one_line(ends: str, is_red: bool, said: str) -> None:
    assert past(ends).render(is_red=is_red) == said


def gate(
    tmp_path: Path,
    ends: str,
    *,
    days: int | None = None,
    begin: date = BEGIN,
    now: str = "x",
    message: str = "ring is full",
) -> Comparison:
    for number, end in enumerate(ends):
        junit(tmp_path / f"history/{number}/r.xml", end, begin + timedelta(days=number))
    old = load_results([junit(tmp_path / "old.xml", ".")])
    new_file = junit(tmp_path / "new.xml", now, message=message)
    new = load_results([new_file])
    names = {*red_names(old.cases), *red_names(new.cases)}
    history = load_history([tmp_path / "history"], names=names, without=[new_file])
    return compare(old, new, today=TODAY, history=history, flake_days=days)


def test_a_new_failure_says_how_often_it_was_red(tmp_path: Path) -> None:
    compared = gate(tmp_path, "." * 40)
    assert render_text(compared).splitlines()[0].endswith("ring is full [red, 0 of 40 before]")
    assert compared.status == 1


def test_a_flake_is_a_new_failure_unless_flakes_are_expected(tmp_path: Path) -> None:
    compared = gate(tmp_path, ".x.x....")
    assert compared.status == 1
    assert "[flaky since 2026-10-02, red 2 of 8 before]" in render_text(compared)


def test_an_expected_flake_is_no_regression_and_says_until_when(tmp_path: Path) -> None:
    compared = gate(tmp_path, "..............................x.x....", days=30)
    assert [finding.change for finding in compared.findings] == [Change.EXPECTED_FLAKE]
    assert compared.status == 0
    assert "flaky since 2026-10-31, red 2 of 37 before, expected until 2026-11-30]" in render_text(compared)
    assert "1 expected flake" in render_text(compared)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_is_silent_of_an_expected_flake(tmp_path: Path, name: str) -> None:
    compared = gate(tmp_path, "..............................x.x....", days=30)
    assert "expected flake" in FORMATS[name](compared)


@pytest.mark.parametrize(
    ("ends", "days", "message", "said"),
    [
        (".x.x....", 30, "ring is full", "not expected: that ended on 2026-11-01"),
        (".x.x....", 60, "ring is full", "not expected: earlier runs reach back 51 days, 60 are needed"),
        (".x.x....", 51, "another thing", "not expected: it never failed like this"),
        (".xxx....", 51, "ring is full", "[red 3 of 8 before, last on 2026-10-04]"),
    ],
)
def test_what_is_not_expected_stays_a_regression(
    tmp_path: Path, ends: str, days: int, message: str, said: str
) -> None:
    compared = gate(tmp_path, ends, days=days, message=message)
    assert compared.status == 1
    assert said in render_text(compared)


def test_numbers_in_a_message_do_not_make_it_another_failure(tmp_path: Path) -> None:
    for number, end in enumerate(".x.x."):
        junit(
            tmp_path / f"h/{number}.xml",
            end,
            BEGIN + timedelta(days=number),
            message=f"slot {number} is full",
        )
    old, new = junit(tmp_path / "old.xml", "."), junit(tmp_path / "new.xml", "x", message="slot 7 is full")
    history = load_history([tmp_path / "h"], names={("t", "probe")})
    compared = compare(load_results([old]), load_results([new]), today=TODAY, history=history, flake_days=51)
    assert compared.status == 0


def test_the_results_that_are_judged_are_not_their_own_past(tmp_path: Path) -> None:
    new = junit(tmp_path / "h/new.xml", "x")
    junit(tmp_path / "h/old.xml", ".", BEGIN)
    history = load_history([tmp_path / "h"], names={("t", "probe")}, without=[new])
    assert [ran.ran.is_red for ran in history.seen["t", "probe"]] == [False]


def test_runs_in_which_a_test_did_not_run_do_not_count(tmp_path: Path) -> None:
    assert "[red, 0 of 2 before]" in render_text(gate(tmp_path, ".ss."))


def test_a_test_that_is_fixed_may_be_flaky(tmp_path: Path) -> None:
    for number, end in enumerate(".x.x."):
        junit(tmp_path / f"h/{number}.xml", end, BEGIN + timedelta(days=number))
    old, new = junit(tmp_path / "old.xml", "x"), junit(tmp_path / "new.xml", ".")
    history = load_history([tmp_path / "h"], names={("t", "probe")})
    compared = compare(load_results([old]), load_results([new]), today=TODAY, history=history)
    assert [(finding.change, finding.note) for finding in compared.findings] == [
        (Change.FIXED, "flaky since 2026-10-02, red 2 of 5 before")
    ]


def test_each_architecture_and_configuration_has_a_past_of_its_own(tmp_path: Path) -> None:
    for number in range(5):
        day = BEGIN + timedelta(days=number)
        junit(tmp_path / f"h/{number}/ext4-4k.xml", ".x"[number % 2], day)
        junit(tmp_path / f"h/{number}/ext4-1k.xml", ".", day)
    for name, ends in (("old", ".."), ("new", "x.")):
        for size, end in zip(("1k", "4k"), ends, strict=True):
            junit(tmp_path / f"{name}/ext4-{size}.xml", end)
    history = load_history([tmp_path / "h"], names={("t", "probe")})
    old, new = load_results([tmp_path / "old"]), load_results([tmp_path / "new"])
    compared = compare(old, new, today=TODAY, history=history)
    assert [(finding.test, finding.note) for finding in compared.findings] == [
        ("t::probe (1k)", "red, 0 of 5 before")
    ]
