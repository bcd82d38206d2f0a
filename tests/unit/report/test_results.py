"""Files and directories to one set of results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.report.junit import render_junit
from rustbed.report.result import Result
from rustbed.report.results import load_results
from rustbed.report.verdict import Outcome


def write(path: Path, *outcomes: str, properties: tuple[tuple[str, str], ...] = ()) -> Path:
    cases = [
        Result(name=f"test_{index}[arm64]", classname="tests.test_x", outcome=Outcome(outcome))
        for index, outcome in enumerate(outcomes)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_junit("rustbed", cases, properties=properties))
    return path


def outcomes(*paths: Path) -> dict[str, str]:
    return {key[1]: result.outcome.value for key, result in load_results(paths).tests.items()}


def test_directory_is_all_xml_below_it(tmp_path: Path) -> None:
    write(tmp_path / "one.xml", "pass")
    write(tmp_path / "deep" / "two.xml", "fail", "pass")
    (tmp_path / "console.log").write_text("no xml")
    assert outcomes(tmp_path) == {"test_0": "fail", "test_1": "pass"}


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_gravest_of_several_counts(tmp_path: Path, order: tuple[str, str]) -> None:
    write(tmp_path / "a.xml", "pass", "crash", "skip")
    write(tmp_path / "b.xml", "fail", "fail", "pass")
    assert outcomes(*(tmp_path / f"{name}.xml" for name in order)) == {
        "test_0": "fail",
        "test_1": "crash",
        "test_2": "pass",
    }


def test_properties_of_suites_are_kept_by_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xml", "pass", properties=(("shard", "1/2"),))
    assert load_results([file]).suites == {file: {"shard": "1/2"}}


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.xml: No such file"):
        load_results([tmp_path / "none.xml"])


def test_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xml", "pass")
    assert list(load_results([file, tmp_path]).suites) == [file]


def test_directory_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path} has no results")):
        load_results([tmp_path])


def test_one_broken_file_in_a_directory_is_no_small_thing(tmp_path: Path) -> None:
    write(tmp_path / "a.xml", "pass")
    (tmp_path / "b.xml").write_text("<testsuites><testsuite>")
    with pytest.raises(UsageError, match=r"b\.xml:1: not valid XML"):
        load_results([tmp_path])


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="results of up to 512 MiB are read"):
        load_results([path])
