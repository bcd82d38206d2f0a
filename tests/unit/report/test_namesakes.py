"""Tests of one name under several configurations: what breaks under one is seen, whatever another does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from rustbed.report.changes import Change
from rustbed.report.gate import Comparison, compare
from rustbed.report.results import load_results

PASS, FAIL, SKIP = "", '<failure message="broken"/>', "<skipped/>"


def suite(outcomes: str | Sequence[str], name: str = "s", classname: str = "fs", **properties: str) -> str:
    """Return a suite in which the test `probe` ends in the given ways, and another one passes."""
    ends = [outcomes] if isinstance(outcomes, str) else outcomes
    given = "".join(f'<property name="{key}" value="{value}"/>' for key, value in properties.items())
    cases = "".join(f'<testcase classname="{classname}" name="probe">{end}</testcase>' for end in ends)
    other = f'<testcase classname="{classname}" name="other"/>'
    return f'<testsuite name="{name}"><properties>{given}</properties>{cases}{other}</testsuite>'


def run(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<testsuites>{text}</testsuites>")
    return root


def gate(tmp_path: Path, old: dict[str, str], new: dict[str, str]) -> Comparison:
    before, after = run(tmp_path / "old", old), run(tmp_path / "new", new)
    return compare(load_results([before]), load_results([after]), today=date(2026, 11, 21))


# ways in which results say that there are two configurations; each takes how the test ended in both
WAYS = {
    "property of a suite": lambda a, b: {"r.xml": suite(a, SECTION="4k") + suite(b, SECTION="1k")},
    "another property": lambda a, b: {"r.xml": suite(a, MKFS="-b 4096") + suite(b, MKFS="-b 1024")},
    "name of a suite": lambda a, b: {"r.xml": suite(a, "xfs 4k") + suite(b, "xfs 1k")},
    "directory": lambda a, b: {"4k/r.xml": suite(a), "1k/r.xml": suite(b)},
    "file": lambda a, b: {"r-4k.xml": suite(a), "r-1k.xml": suite(b)},
    "architecture of a file": lambda a, b: {"arm64.xml": suite(a), "r.x86_64.xml": suite(b)},
    "architecture of a directory": lambda a, b: {"aarch64/r.xml": suite(a), "amd64/r.xml": suite(b)},
    "architecture of a suite": lambda a, b: {"1.xml": suite(a, "rust.arm64"), "2.xml": suite(b, "rust.x86")},
    "architecture of a property": lambda a, b: {"r.xml": suite(a, ARCH="s390x") + suite(b, ARCH="mips")},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ((FAIL, PASS), (FAIL, FAIL), {Change.NEW_FAILURE: 1, Change.STILL_FAILING: 1}),
        ((FAIL, PASS), (PASS, FAIL), {Change.NEW_FAILURE: 1, Change.FIXED: 1}),
        ((FAIL, PASS), (FAIL, PASS), {Change.STILL_FAILING: 1}),
        ((FAIL, PASS), (PASS, PASS), {Change.FIXED: 1}),
        ((PASS, PASS), (PASS, SKIP), {Change.NEWLY_SKIPPED: 1}),
        ((PASS, PASS), (PASS, PASS), {}),
    ],
)
def test_each_configuration_is_judged_by_itself(
    tmp_path: Path, way: str, old: tuple[str, str], new: tuple[str, str], changes: dict[Change, int]
) -> None:
    compared = gate(tmp_path, WAYS[way](*old), WAYS[way](*new))
    assert Counter(finding.change for finding in compared.findings) == changes
    worst = {Change.NEW_FAILURE: 1, Change.NEWLY_SKIPPED: 2}
    assert compared.status == next((status for change, status in worst.items() if change in changes), 0)
    assert (compared.old, compared.new) == (4, 4)


@pytest.mark.parametrize("way", WAYS)
def test_a_configuration_that_is_missing_vanished(tmp_path: Path, way: str) -> None:
    whole = WAYS[way](FAIL, PASS)
    # the first of two files, or of two suites
    name, text = next(iter(whole.items()))
    part = {name: text.partition("</testsuite>")[0] + "</testsuite>"}
    compared = gate(tmp_path, whole, part)
    assert Change.VANISHED in {finding.change for finding in compared.findings}
    assert compared.status == 2


def test_names_of_runs_are_not_configurations(tmp_path: Path) -> None:
    old = {"run-17/ext4-4k.xml": suite(FAIL, hostname="a"), "run-18/ext4-1k.xml": suite(PASS, hostname="b")}
    new = {"run-19/ext4-4k.xml": suite(PASS, hostname="b"), "run-20/ext4-1k.xml": suite(FAIL, hostname="a")}
    compared = gate(tmp_path, old, new)
    assert [(finding.change, finding.test) for finding in compared.findings] == [
        (Change.NEW_FAILURE, "fs::probe (1k)"),
        (Change.FIXED, "fs::probe (4k)"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "change", "status"),
    [
        ((FAIL, PASS), (FAIL, FAIL), Change.NEW_FAILURE, 1),
        ((PASS, PASS), (FAIL, PASS), Change.NEW_FAILURE, 1),
        ((FAIL, PASS), (PASS, FAIL), Change.NOT_JUDGED, 2),
        ((FAIL, PASS), (FAIL, PASS), Change.NOT_JUDGED, 2),
        ((FAIL, FAIL), (FAIL, PASS), Change.NOT_JUDGED, 2),
        ((FAIL, FAIL), (FAIL, FAIL), Change.STILL_FAILING, 0),
        ((FAIL, PASS), (PASS, PASS), Change.FIXED, 0),
        ((PASS, PASS), (PASS, SKIP), Change.NEWLY_SKIPPED, 2),
        ((PASS, PASS), (PASS,), Change.VANISHED, 2),
        ((FAIL, PASS), (FAIL,), Change.VANISHED, 2),
        ((PASS,), (PASS, FAIL), Change.NEW_FAILURE, 1),
        ((FAIL,), (PASS, FAIL), Change.NOT_JUDGED, 2),
    ],
)
def test_what_cannot_be_told_apart_is_judged_by_numbers_or_not_at_all(
    tmp_path: Path, old: tuple[str, ...], new: tuple[str, ...], change: Change, status: int
) -> None:
    compared = gate(tmp_path, {"r.xml": suite(old)}, {"r.xml": suite(new)})
    assert compared.status == status
    assert change in {finding.change for finding in compared.findings}


def test_what_cannot_be_told_apart_says_so(tmp_path: Path) -> None:
    (finding,) = gate(tmp_path, {"r.xml": suite((FAIL, PASS))}, {"r.xml": suite((PASS, FAIL))}).findings
    assert finding.title.startswith("broken (red 1 of 2, red 1 of 2 before): nothing tells which is which")


def test_facets_that_contradict_each_other_are_not_believed(tmp_path: Path) -> None:
    old = {"4k.xml": suite(FAIL, board="a"), "1k.xml": suite(PASS, board="b")}
    new = {"4k.xml": suite(PASS, board="b"), "1k.xml": suite(FAIL, board="a")}
    assert gate(tmp_path, old, new).status == 2


def test_an_outcome_is_no_configuration(tmp_path: Path) -> None:
    """A property that says how a test ended would pair what failed with what failed."""
    old = {"r.xml": suite(FAIL, result="bad") + suite(PASS, result="good")}
    assert gate(tmp_path, old, old).status == 2


def test_files_that_are_numbered_are_no_configurations(tmp_path: Path) -> None:
    old = {"part1.xml": suite(FAIL), "job-1.xml": suite(FAIL), "job-2.xml": suite(PASS)}
    new = {"part1.xml": suite(PASS), "job-1.xml": suite(FAIL), "job-2.xml": suite(PASS)}
    assert gate(tmp_path, old, new).status == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"arm64.xml": suite(FAIL)}, {"riscv64.xml": suite(FAIL)}),
        ({"r.xml": suite(FAIL, SECTION="4k")}, {"r.xml": suite(FAIL, SECTION="1k")}),
    ],
)
def test_one_configuration_is_no_baseline_of_another(
    tmp_path: Path, old: dict[str, str], new: dict[str, str]
) -> None:
    changes = {finding.change for finding in gate(tmp_path, old, new).findings}
    assert changes == {Change.VANISHED, Change.NEW_FAILURE}


def test_a_file_that_names_no_architecture_is_compared_with_one_that_does(tmp_path: Path) -> None:
    compared = gate(tmp_path, {"baseline.xml": suite(FAIL)}, {"results-arm64.xml": suite(FAIL)})
    assert [finding.change for finding in compared.findings] == [Change.STILL_FAILING]


def test_a_directory_above_the_results_names_no_architecture(tmp_path: Path) -> None:
    old, new = (
        run(tmp_path / "arm64-box" / "old", {"r.xml": suite(PASS)}),
        run(tmp_path / "x86" / "new", {"r.xml": suite(PASS)}),
    )
    assert compare(load_results([old]), load_results([new]), today=date(2026, 11, 21)).status == 0
