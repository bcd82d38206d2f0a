"""Results as rows of KernelCI's database."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError
from kcidb_io.schema import V5_3

from rustbed.lab.job import INFRASTRUCTURE, TEST, Ending
from rustbed.lab.rows import is_origin, judge_node, make_report, make_rows, path_of
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome


def result(outcome: Outcome = Outcome.PASS, name: str = "test_probe", **facts: object) -> Result:
    return Result(classname="tests.test_edu", name=name, outcome=outcome, arch="arm64", **facts)  # type: ignore[arg-type]


def test_a_row_names_its_job_its_build_and_its_place() -> None:
    (row,) = make_rows(
        [result(seconds=1.5, started="2026-11-20T10:00:00+00:00")],
        "rustbed",
        "6aa",
        "maestro:6a0",
        "qemu-arm64",
    )
    assert row == {
        "id": "rustbed:6aa.1",
        "origin": "rustbed",
        "build_id": "maestro:6a0",
        "path": "rustbed.tests.test_edu.test_probe",
        "status": "PASS",
        "environment": {"misc": {"platform": "qemu-arm64"}},
        "start_time": "2026-11-20T10:00:00+00:00",
        "duration": 1.5,
        "misc": {"test": "tests.test_edu::test_probe", "arch": "arm64", "outcome": "pass"},
    }
    assert make_report([row]) == {
        "version": {"major": 5, "minor": 3},
        "checkouts": [],
        "builds": [],
        "tests": [row],
    }


@pytest.mark.parametrize(
    ("outcome", "status", "node"),
    [
        (Outcome.PASS, "PASS", "pass"),
        (Outcome.XFAIL, "DONE", "pass"),
        (Outcome.SKIP, "SKIP", "skip"),
        (Outcome.FAIL, "FAIL", "fail"),
        (Outcome.CRASH, "FAIL", "fail"),
        (Outcome.HANG, "FAIL", "fail"),
        # they say nothing of the kernel
        (Outcome.LOST, "MISS", "incomplete"),
        (Outcome.ERROR, "ERROR", "incomplete"),
    ],
)
def test_each_outcome_has_a_status(outcome: Outcome, status: str, node: str) -> None:
    rows = make_rows([result(outcome, message="why\0")], "rustbed", "6aa", "maestro:6a0", "qemu-arm64")
    assert [row["status"] for row in rows] == [status]
    assert rows[0].get("comment") == (None if outcome is Outcome.PASS else "why")
    assert judge_node(rows).result == node


def test_the_gravest_row_decides_and_none_is_incomplete() -> None:
    rows = make_rows([result(outcome) for outcome in Outcome], "rustbed", "6aa", "maestro:6a0", "qemu-arm64")
    assert judge_node(rows) == Ending(result="fail")
    assert judge_node(rows[5:]) == Ending(result="pass")
    assert judge_node([]) == Ending(result="incomplete", error="pytest left no results")


def test_a_node_that_is_incomplete_says_which_test_and_whose_fault_it_is() -> None:
    lost = result(Outcome.LOST, "test_lost", message="the session ended")
    error = result(Outcome.ERROR, "test_error", message="no such file")
    path, rows = (
        "rustbed.tests.test_edu",
        make_rows([lost, error], "rustbed", "6aa", "maestro:6a0", "qemu-arm64"),
    )
    assert judge_node(rows[:1]) == Ending(
        result="incomplete", error=f"{path}.test_lost: the session ended", code=INFRASTRUCTURE
    )
    assert judge_node(rows) == Ending(
        result="incomplete", error=f"{path}.test_error: no such file", code=TEST
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [("test_x[a-1/2]", "test_x_a-1_2"), ("it's. all", "it_s_all"), ("\u00e4", "_")],
)
def test_a_path_has_what_the_schema_allows(name: str, path: str) -> None:
    assert path_of(result(name=name)) == f"rustbed.tests.test_edu.{path}"


def test_an_origin_is_small_letters_digits_and_underscores() -> None:
    assert [text for text in ("rustbed", "lab_2", "Lab", "a-b", "") if is_origin(text)] == [
        "rustbed",
        "lab_2",
    ]


RESULTS = st.builds(
    Result,
    classname=st.text(),
    name=st.text(),
    outcome=st.sampled_from(Outcome),
    message=st.text(),
    seconds=st.none() | st.floats(0, 1e6),
    started=st.sampled_from(["", "2026-11-20T10:00:00+00:00"]),
)


@given(st.lists(RESULTS))
def test_any_results_are_a_report_of_the_published_schema(results: list[Result]) -> None:
    rows = make_rows(results, "rustbed", "6aa", "maestro:6a0", "qemu-arm64")
    V5_3.validate_exactly(make_report(rows))


def place_of_fault(report: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as refused:
        V5_3.validate_exactly(report)
    return refused.value.json_path, refused.value.validator


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"status": "XFAIL"}, ("$.tests[0].status", "enum")),
        ({"path": "a/b"}, ("$.tests[0].path", "pattern")),
        ({"comment": "a\0b"}, ("$.tests[0].comment", "pattern")),
        ({"start_time": "2026-11-20 10:00:00"}, ("$.tests[0].start_time", "format")),
        ({"duration": "1.5"}, ("$.tests[0].duration", "type")),
        ({"build_id": "6a0"}, ("$.tests[0].build_id", "pattern")),
        ({"waived": False}, ("$.tests[0]", "additionalProperties")),
    ],
)
def test_the_published_schema_refuses_a_wrong_row(changed: dict[str, Any], place: tuple[str, str]) -> None:
    (row,) = make_rows([result()], "rustbed", "6aa", "maestro:6a0", "qemu-arm64")
    assert place_of_fault(make_report([row | changed])) == place


def test_the_published_schema_refuses_a_report_without_version() -> None:
    assert place_of_fault({"tests": []}) == ("$", "required")
