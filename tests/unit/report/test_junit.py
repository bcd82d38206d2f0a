from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.report.junit import lost_session, render_junit, write_junit
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome


def case(outcome: Outcome, *, details: str = "", system_out: str = "") -> Result:
    return Result(
        name="test_toy[arm64]",
        classname="tests.test_toy",
        outcome=outcome,
        details=details,
        system_out=system_out,
    )


def parse(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314, our own document


def only_case(*cases: Result) -> ET.Element:
    found = parse(render_junit("rustbed", cases)).findall("testsuite/testcase")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("outcome", "tag"),
    [
        (Outcome.CRASH, "failure"),
        (Outcome.HANG, "failure"),
        (Outcome.LOST, "failure"),
        (Outcome.FAIL, "failure"),
        (Outcome.ERROR, "error"),
        (Outcome.SKIP, "skipped"),
        (Outcome.XFAIL, "skipped"),
    ],
)
def test_outcome_has_its_element_even_without_a_message(outcome: Outcome, tag: str) -> None:
    element = only_case(case(outcome)).find(tag)
    assert element is not None
    assert element.get("message") == outcome.value
    assert element.get("type") == ("skipped" if tag == "skipped" else outcome.value)


def test_every_outcome_is_mapped() -> None:
    for outcome in Outcome:
        results = [child.tag for child in only_case(case(outcome)) if child.tag != "properties"]
        assert len(results) == (0 if outcome is Outcome.PASS else 1)


def test_totals_count_each_outcome_once() -> None:
    root = parse(render_junit("rustbed", [case(outcome) for outcome in Outcome]))
    suite = root[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8", "failures": "4", "errors": "1", "skipped": "2",
    }  # fmt: skip
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "8", "failures": "4", "errors": "1",
    }  # fmt: skip


def test_case_carries_its_properties_and_its_kernel_log() -> None:
    element = only_case(
        Result(
            name="test_toy[arm64]",
            classname="tests.test_toy",
            file="tests/test_toy.py",
            seconds=1.2345,
            outcome=Outcome.FAIL,
            message="undeclared splat: WARNING in toy_probe",
            details="FAIL: arm64\n  kernel 7.3.4",
            properties={"kernel_release": "7.3.4", "arch": "arm64"},
            system_out="[    1.000000] toy: ready",
        )
    )
    assert element.attrib == {
        "name": "test_toy[arm64]",
        "classname": "tests.test_toy",
        "file": "tests/test_toy.py",
        "time": "1.234",
    }
    properties = [(child.get("name"), child.get("value")) for child in element.findall("properties/property")]
    assert properties == [("outcome", "fail"), ("kernel_release", "7.3.4"), ("arch", "arm64")]
    assert element.findtext("failure") == "FAIL: arm64\n  kernel 7.3.4"
    assert element.findtext("system-out") == "[    1.000000] toy: ready"


def test_suite_says_when_it_began_and_what_it_was_about() -> None:
    started = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
    text = render_junit(
        "rustbed", [], started=started, hostname="ci", properties=(("kernel", "debian:latest"),)
    )
    suite = parse(text)[0]
    assert suite.get("timestamp") == "2026-03-01T12:00:00+00:00"
    assert suite.get("hostname") == "ci"
    assert [child.attrib for child in suite.findall("properties/property")] == [
        {"name": "kernel", "value": "debian:latest"}
    ]


def test_terminal_colours_are_left_out_and_control_characters_stand_as_codes() -> None:
    element = only_case(case(Outcome.FAIL, details="\x1b[31mred\x1b[0m\x00\x07 <&> ]]> \ud800\ufffe end"))
    assert element.findtext("failure") == r"red\x00\x07 <&> ]]> \ud800\ufffe end"


def test_flood_is_cut_in_its_middle() -> None:
    text = only_case(case(Outcome.PASS, system_out="first" + "x" * 1_000_000 + "last")).findtext("system-out")
    assert text is not None
    assert len(text) < 300_000
    assert text.startswith("first")
    assert text.endswith("last")
    assert "characters left out" in text


HOSTILE = st.text(st.characters(exclude_categories=()), max_size=40)


HOSTILE_CASES = st.builds(
    Result,
    name=HOSTILE,
    classname=HOSTILE,
    outcome=st.sampled_from(Outcome),
    file=HOSTILE,
    seconds=st.floats(allow_nan=False, allow_infinity=False),
    message=HOSTILE,
    details=HOSTILE,
    properties=st.dictionaries(HOSTILE, HOSTILE, max_size=1),
    system_out=HOSTILE,
)


@given(HOSTILE, st.lists(HOSTILE_CASES, max_size=3))
def test_document_is_valid_whatever_the_texts_hold(suite: str, cases: list[Result]) -> None:
    root = parse(render_junit(suite, cases, properties=((suite, suite),)))
    assert len(root.findall("testsuite/testcase")) == len(cases)


def test_session_that_has_not_ended_is_an_error() -> None:
    root = parse(lost_session("rustbed"))
    assert root[0].get("errors") == "1"
    error = root.find("testsuite/testcase/error")
    assert error is not None
    assert error.get("message") == "the session ended before it could write its results"
    outcome = root.find("testsuite/testcase/properties/property[@name='outcome']")
    assert outcome is not None
    assert outcome.get("value") == "lost"


def test_document_is_written_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "junit.xml"
    write_junit(path, lost_session("rustbed"))
    write_junit(path, render_junit("rustbed", [case(Outcome.PASS)]))
    assert [child.name for child in path.parent.iterdir()] == ["junit.xml"]
    assert parse(path.read_text())[0].get("errors") == "0"


def test_children_stand_in_the_file_and_a_parent_only_if_it_is_red_by_itself() -> None:
    def suite(outcome: Outcome, *children: Outcome) -> Result:
        cases = tuple(Result(name=f"c{n}", classname="s", outcome=each) for n, each in enumerate(children))
        return Result(name="s", classname="k", outcome=outcome, children=cases)

    def names(case: Result) -> list[str]:
        return re.findall(r'<testcase name="(\w+)"', render_junit("k", [case]))

    assert names(suite(Outcome.PASS, Outcome.PASS, Outcome.SKIP)) == ["c0", "c1"]
    assert names(suite(Outcome.FAIL, Outcome.PASS, Outcome.FAIL)) == ["c0", "c1"]
    assert names(suite(Outcome.FAIL, Outcome.PASS)) == ["s", "c0"]
    assert names(suite(Outcome.PASS)) == ["s"]
