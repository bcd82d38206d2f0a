"""Suites that contradict their cases: results that are not all there never pass for good ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rustbed.report.dialects import parse_results
from rustbed.report.gate import Comparison, compare
from rustbed.report.results import Results

CASES = "".join(f'<testcase classname="a" name="{name}"/>' for name in "xyz")
RED = CASES.replace('name="z"/>', 'name="z"><failure message="no"/></testcase>')
SKIPPED = CASES.replace('name="z"/>', 'name="z"><skipped/></testcase>')


def suite(attributes: str, inside: str = CASES, name: str = "s") -> str:
    return f'<testsuite name="{name}" {attributes}>{inside}</testsuite>'


def said(name: str, value: str) -> str:
    properties = f'<properties><property name="{name}" value="{value}"/></properties>'
    return CASES.replace('name="z"/>', f'name="z">{properties}</testcase>')


def read(text: str) -> Results:
    cases, _ = parse_results([text.encode()], Path("r.xml"))
    return Results(cases=tuple(cases), suites={})


def gate(old: str, new: str) -> Comparison:
    return compare(read(old), read(new), today=date(2026, 11, 29))


def titles(found: Comparison) -> list[tuple[str, str, str]]:
    return [(finding.change.value, finding.test, finding.title) for finding in found.findings]


@pytest.mark.parametrize(
    ("new", "title"),
    [
        (suite('tests="5"'), "counts 5 tests and has 3: was it cut short?"),
        (f'<testsuites tests="5">{suite("")}</testsuites>', "counts 5 tests and has 3: was it cut short?"),
        (suite('tests="5" skipped="1"'), "counts 5 tests and has 3: was it cut short?"),
        # one did not run, and is there
        (suite('tests="4" skipped="1"', SKIPPED), "counts 4 tests and has 3: was it cut short?"),
        (suite('failures="2"', RED), "counts 2 failures or errors, and its cases show 1"),
    ],
)
def test_run_that_was_cut_short_is_not_judged(new: str, title: str) -> None:
    old = suite("", RED) if "failure " in new else suite("", SKIPPED if "<skipped" in new else CASES)
    found = gate(old, new)
    assert found.status == 2
    assert ("not judged", f"the suite {title}") in [(change, text) for change, _, text in titles(found)]


def test_outer_suite_is_not_blamed_for_what_is_missing_in_an_inner_one() -> None:
    inner = suite('tests="5"') + suite('failures="1"', "", "t")
    new = f'<testsuites tests="5" failures="1">{inner}</testsuites>'
    assert [(name, title) for _, name, title in titles(gate(suite(""), new))] == [
        ("t::(suite)", "the suite counts 1 failures or errors, and no case shows one (a new test)"),
        ("s::(suite)", "the suite counts 5 tests and has 3: was it cut short?"),
    ]


@pytest.mark.parametrize(
    "new",
    [
        suite('tests="3"'),
        suite('tests="2"'),
        # tests that did not run are counted, and not written
        suite('tests="5" skipped="1" disabled="1"'),
        # several assertions that failed in one test
        suite('tests="3" failures="2"', RED.replace("<failure", "<failure/><failure", 1)),
        # subtests have no cases of their own
        suite('tests="9"', name="pytest"),
    ],
)
def test_whole_suites_are_judged(new: str) -> None:
    found = gate(suite("", RED if "<failure" in new else CASES), new)
    assert [title for title in titles(found) if title[0] != "still failing"] == []
    assert found.status == 0


def test_producer_that_counts_assertions_did_so_before() -> None:
    assert gate(suite('tests="40"'), suite('tests="41"')).status == 0
    # the same suite of two machines that nothing tells apart
    twice = "<testsuites>{0}{0}</testsuites>".format(suite('tests="40"'))
    assert gate(twice, twice).status == 0


def test_whole_run_after_one_that_was_cut_short_is_good() -> None:
    assert titles(gate(suite('tests="5"'), suite('tests="3"'))) == []


@pytest.mark.parametrize("name", ["outcome", "result", "Status", "verdict", "test_result"])
@pytest.mark.parametrize("value", ["FAIL", "Failed", "not ok", "timed-out"])
def test_failure_that_a_property_alone_tells_is_one(name: str, value: str) -> None:
    assert titles(gate(suite(""), suite("", said(name, value)))) == [("new failure", "a::z", "fail")]


@pytest.mark.parametrize(("name", "value"), [("outcome", "pass"), ("result", "0"), ("log", "failed")])
def test_other_properties_tell_no_failure(name: str, value: str) -> None:
    assert gate(suite(""), suite("", said(name, value))).status == 0


def test_outcome_in_our_own_words_is_ours() -> None:
    error = said("outcome", "error").replace("</properties>", "</properties><error/>")
    assert titles(gate(suite(""), suite("", error))) == [("not judged", "a::z", "error")]


@pytest.mark.parametrize(
    "new",
    [
        suite("", '<properties><property name="result" value="FAIL"/></properties>' + CASES),
        suite('status="failed"'),
    ],
)
def test_suite_that_says_that_it_failed_did(new: str) -> None:
    title = "the suite says that it failed, and no case shows it (a new test)"
    assert titles(gate(suite(""), new)) == [("new failure", "s::(suite)", title)]
    # a case that failed is why
    assert [change for change, _, _ in titles(gate(suite("", RED), new.replace(CASES, RED)))] == [
        "still failing"
    ]
