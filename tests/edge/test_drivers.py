"""`rustbed drivers` as it is called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.cli.main import main
from rustbed.report.junit import render_junit, write_junit
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

LCOV = "TN:\nSF:/elsewhere/linux/samples/rust/toy.rs\nDA:3,1\nDA:4,0\nLF:2\nLH:1\nend_of_record\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A kernel's source with one driver."""
    place = tmp_path / "linux/samples/rust"
    place.mkdir(parents=True)
    (place / "toy.rs").touch()
    (place / "Makefile").write_text("obj-$(CONFIG_TOY) += toy.o\n")
    (tmp_path / "linux/Kconfig").write_text('config TOY\n\ttristate "A toy"\n\tdepends on PCI # for fun\n')
    return tmp_path / "linux"


def session(directory: Path, *cases: tuple[str, Outcome], day: int = 1, about: str = "needs") -> Path:
    results = [
        Result(classname="t", name=name, arch="arm64", outcome=outcome, label=f"{name}[arm64]",
               properties={about: "toy", "kernel_release": "7.3.4+"})
        for name, outcome in cases
    ]  # fmt: skip
    started = datetime(2026, 11, day, tzinfo=UTC)
    write_junit(directory / "junit.xml", render_junit("rustbed", results, started=started))
    return directory


def test_results_lines_and_mutants_become_a_page(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = session(tmp_path / "results", ("test_a", Outcome.PASS))
    (results / "coverage.lcov").write_text(LCOV)
    trial = {"file": "driver/toy.rs", "line": 3, "change": "", "told": "", "seconds": 1.0}
    mutants = tmp_path / "mutants-toy.jsonl"
    fates = ["killed", "killed", "survived", "unbuilt"]
    mutants.write_text(
        "".join(json.dumps({**trial, "fate": fate, "key": str(n)}) + "\n" for n, fate in enumerate(fates))
    )
    assert main(["drivers", "--tree", str(results), str(mutants), "--kernel", f"tree:{tree}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "1 of 1 have a test that ran, on Linux 7.3.4+." in lines[2]
    cells = ["1 passed" if arch == "arm64" else "not run" for arch in ARCHES]
    assert f"| `toy` | {' | '.join(cells)} |  | 50 % | 2 of 3 |" in lines


def test_an_earlier_page_counts_where_the_results_say_nothing(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = ("--kernel", f"tree:{tree}")
    given = ["drivers", "--tree", str(session(tmp_path / "a", ("test_a", Outcome.PASS))), *kernel]
    assert main(given) == 0
    page = tmp_path / "page.md"
    page.write_text(capsys.readouterr().out)
    other = session(tmp_path / "b", ("test_b", Outcome.PASS), about="other")
    given = ["drivers", "--tree", str(other), *kernel, "--earlier"]
    assert main([*given, str(page)]) == 0
    assert capsys.readouterr().out == page.read_text()
    assert main([*given, str(tmp_path / "none.md")]) == 2
    assert "cannot read the page" in capsys.readouterr().err


def test_a_red_driver_is_status_1(tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = session(tmp_path, ("test_a", Outcome.PASS), ("test_b", Outcome.CRASH))
    assert main(["drivers", str(results), "--kernel", f"tree:{tree}"]) == 1
    assert "| **1 crash**, 1 passed |" in capsys.readouterr().out


@pytest.mark.parametrize(("red_day", "status"), [(1, 0), (3, 1)])
def test_of_several_results_the_newest_counts(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str], red_day: int, status: int
) -> None:
    session(tmp_path / "a", ("test_a", Outcome.HANG), day=red_day)
    session(tmp_path / "b", ("test_a", Outcome.PASS), day=2)
    assert main(["drivers", str(tmp_path), "--kernel", f"tree:{tree}"]) == status
    assert ("| 1 passed |" in capsys.readouterr().out) == (status == 0)


def test_what_is_not_there_is_named(tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = session(tmp_path / "results", ("test_a", Outcome.SKIP))
    assert main(["drivers", "--tree", str(results), "--kernel", f"tree:{tree}"]) == 0
    assert "- `toy` was not tried: CONFIG_TOY depends on `PCI`" in capsys.readouterr().out.splitlines()
    command = ["drivers", str(results), "--cache", str(tmp_path / "cache"), "--kernel"]
    assert main([*command, "debian:7.3"]) == 2
    assert "the source of debian:7.3 is not here" in capsys.readouterr().err
    assert main([*command, f"tree:{tmp_path / 'none'}"]) == 2
    assert main(["drivers", "mutants-toy.jsonl", "--kernel", f"tree:{tree}"]) == 2
    assert "name a results directory, too" in capsys.readouterr().err


def test_an_authors_driver_is_listed_alone_and_needs_no_kernel_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session(tmp_path / "results/latest", ("test_a", Outcome.PASS), about="built")
    monkeypatch.chdir(tmp_path)
    assert main(["drivers", "--cache", str(tmp_path / "cache")]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# Drivers\n\n1 of 1 have a test that ran, on Linux 7.3.4+.")
    assert page.splitlines()[-3:] == [
        "| driver | arm64 | life | lines | mutants |",
        "| --- | --- | --- | --- | --- |",
        "| `toy` | 1 passed |  |  |  |",
    ]


def test_of_the_tree_those_come_too_that_tests_need(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "samples/rust/idle.rs").touch()
    (tree / "samples/rust/Makefile").write_text("obj-$(CONFIG_TOY) += toy.o\nobj-$(CONFIG_IDLE) += idle.o\n")
    session(tmp_path / "a", ("test_a", Outcome.PASS), about="built")
    session(tmp_path / "b", ("test_b", Outcome.SKIP))
    given = ["drivers", str(tmp_path / "a"), str(tmp_path / "b"), "--kernel", f"tree:{tree}"]
    assert main(given) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("| `toy")] == [
        "| `toy` | 1 passed |  |  |  |",
        "| `toy` | 1 skipped |  |  |  |",
    ]
    assert main([*given, "--tree"]) == 0
    assert "| `idle` | no test |" in capsys.readouterr().out


def test_results_of_no_driver_are_an_error_that_says_what_makes_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = session(tmp_path, ("test_a", Outcome.PASS), about="other")
    assert main(["drivers", str(results)]) == 2
    told = capsys.readouterr().err
    assert f"no test of {tmp_path} belongs to a driver" in told
    assert "build_module" in told
