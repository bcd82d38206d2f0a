"""Two sets of results to changes and an exit status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rustbed.report.changes import Change
from rustbed.report.gate import Comparison, compare
from rustbed.report.gate_formats import FORMATS, render_findings, render_github, render_gitlab, render_text
from rustbed.report.result import Result
from rustbed.report.results import Results
from rustbed.report.verdict import Outcome

TODAY = date(2026, 11, 21)


def result(
    name: str = "test_a",
    outcome: str = "pass",
    *,
    arch: str = "arm64",
    seconds: float | None = 1.0,
    message: str = "",
    classname: str = "tests.test_x",
    **properties: str,
) -> Result:
    return Result(
        classname=classname,
        name=name,
        arch=arch,
        outcome=Outcome(outcome),
        file="tests/test_x.py",
        seconds=seconds,
        message=message,
        properties=properties,
    )


def results(*found: Result, suites: Sequence[dict[str, str]] = ()) -> Results:
    return Results(
        cases=found,
        suites={Path(f"{index}.xml"): suite for index, suite in enumerate(suites)},
    )


def gate(
    old: Results | Result, new: Results | Result, slower: float | None = None, floor_s: float = 1.0
) -> Comparison:
    # a second test, so that neither side is empty or all skipped
    other = result("test_other")
    befores = results(other, old) if isinstance(old, Result) else old
    afters = results(other, new) if isinstance(new, Result) else new
    return compare(befores, afters, today=TODAY, slower=slower, floor_s=floor_s)


@pytest.mark.parametrize(
    ("old", "new", "change", "status"),
    [
        ("pass", "pass", None, 0),
        ("pass", "fail", Change.NEW_FAILURE, 1),
        ("pass", "crash", Change.NEW_FAILURE, 1),
        ("pass", "hang", Change.NEW_FAILURE, 1),
        ("pass", "lost", Change.NEW_FAILURE, 1),
        ("pass", "error", Change.NOT_JUDGED, 2),
        ("pass", "skip", Change.NEWLY_SKIPPED, 2),
        ("pass", "xfail", Change.NEWLY_SKIPPED, 2),
        ("fail", "fail", Change.STILL_FAILING, 0),
        ("fail", "crash", Change.STILL_FAILING, 0),
        ("fail", "pass", Change.FIXED, 0),
        ("fail", "skip", Change.NEWLY_SKIPPED, 2),
        ("fail", "xfail", Change.STILL_FAILING, 0),
        ("fail", "error", Change.NOT_JUDGED, 2),
        ("skip", "skip", None, 0),
        ("skip", "pass", None, 0),
        ("skip", "fail", Change.NEW_FAILURE, 1),
        ("xfail", "xfail", None, 0),
        ("xfail", "pass", Change.FIXED, 0),
        ("xfail", "skip", Change.NEWLY_SKIPPED, 2),
        ("xfail", "fail", Change.NEW_FAILURE, 1),
        ("error", "fail", Change.NEW_FAILURE, 1),
        ("error", "pass", None, 0),
        ("error", "error", Change.NOT_JUDGED, 2),
    ],
)
def test_each_pair_of_outcomes(old: str, new: str, change: Change | None, status: int) -> None:
    compared = gate(result(outcome=old), result(outcome=new))
    assert [finding.change for finding in compared.findings] == ([change] if change else [])
    assert compared.status == status


def test_every_pair_of_outcomes_has_an_answer_and_none_that_lost_a_pass_is_fine() -> None:
    for old in Outcome:
        for new in Outcome:
            status = gate(result(outcome=old), result(outcome=new)).status
            assert status in (0, 1, 2)
            assert (old is Outcome.PASS) <= ((status == 0) == (new is Outcome.PASS))


def test_vanished_test_cannot_be_judged() -> None:
    compared = gate(result("test_b", "pass"), result("test_c", "pass"))
    assert [(finding.change, finding.test) for finding in compared.findings] == [
        (Change.VANISHED, "tests/test_x.py::test_b")
    ]
    assert compared.status == 2


def test_vanished_on_one_architecture_is_vanished() -> None:
    old = results(result(arch="arm64"), result(arch="riscv64"))
    compared = gate(old, results(result(arch="arm64")))
    assert [(finding.change, finding.arch) for finding in compared.findings] == [(Change.VANISHED, "riscv64")]


def test_regression_is_one_also_when_something_vanished() -> None:
    old = results(result("test_a"), result("test_b"))
    compared = gate(old, results(result("test_a", "fail")))
    assert {finding.change for finding in compared.findings} == {Change.VANISHED, Change.NEW_FAILURE}
    assert compared.status == 1


def test_new_test_that_fails_is_a_new_failure_and_one_that_passes_is_fine() -> None:
    old = results(result("test_a"))
    assert gate(old, results(result("test_a"), result("test_b", "fail"))).status == 1
    assert gate(old, results(result("test_a"), result("test_b"))).status == 0


@pytest.mark.parametrize("whose", ["old", "new"])
def test_no_tests_cannot_be_judged(whose: str) -> None:
    sets = {"old": results(result()), "new": results(result()), whose: results()}
    assert gate(sets["old"], sets["new"]).status == 2


def test_nothing_but_skips_cannot_be_judged() -> None:
    skipped = results(result(outcome="skip"))
    compared = gate(skipped, skipped)
    assert compared.status == 2
    assert "have no test that ran" in compared.findings[0].title


def test_lost_session_cannot_be_judged_and_blames_no_test() -> None:
    lost = result("session", "lost", arch="", classname="rustbed", message="the session ended before")
    running = result("test_b", "lost", message="interrupted before it ended")
    compared = gate(results(result("test_a"), result("test_b")), results(result("test_a"), running, lost))
    assert {finding.change for finding in compared.findings} == {Change.NOT_JUDGED}
    assert compared.status == 2


def test_another_splat_in_a_test_that_was_red_is_a_new_failure() -> None:
    old = result(outcome="fail", splat="WARNING in a", fingerprint="1")
    new = result(outcome="crash", splat="KASAN: x in b", fingerprint="2")
    assert gate(old, new).findings[0].change is Change.NEW_FAILURE
    assert "failed otherwise before: WARNING in a" in gate(old, new).findings[0].title
    assert gate(old, old).findings[0].change is Change.STILL_FAILING


def test_another_assertion_in_a_test_that_was_red_is_no_news() -> None:
    old = result(outcome="fail", message="assert 1 == 2", fingerprint="1")
    new = result(outcome="fail", message="assert 1 == 3", fingerprint="2")
    assert gate(old, new).findings[0].change is Change.STILL_FAILING


@pytest.mark.parametrize(
    ("old_s", "new_s", "factor", "floor_s", "status"),
    [
        (1.0, 5.0, None, 1.0, 0),
        (1.0, 5.0, 3.0, 1.0, 1),
        (1.0, 2.9, 3.0, 1.0, 0),
        (0.01, 0.9, 3.0, 1.0, 0),
        (0.01, 0.9, 3.0, 0.5, 1),
        (0.0, 2.0, 3.0, 1.0, 1),
        (None, 9.0, 3.0, 1.0, 0),
        (9.0, None, 3.0, 1.0, 0),
    ],
)
def test_slower_by_factor_and_floor(
    old_s: float | None, new_s: float | None, factor: float | None, floor_s: float, status: int
) -> None:
    compared = gate(result(seconds=old_s), result(seconds=new_s), factor, floor_s)
    assert compared.status == status
    assert [finding.change for finding in compared.findings] == ([Change.SLOWER] if status else [])


def test_a_module_that_grew_is_a_regression_if_asked() -> None:
    old = results(replace(result(), properties={"modules": "toy text 1000 data 0 bss 0"}))
    new = results(replace(result(), properties={"modules": "toy text 1100 data 0 bss 0"}))
    assert compare(old, new, today=TODAY).status == 0
    assert compare(old, new, today=TODAY, growth=10.0).status == 0
    compared = compare(old, new, today=TODAY, growth=5.0)
    assert compared.status == 1
    (finding,) = compared.findings
    assert (finding.change, finding.test) == (Change.GROWN, "toy")


def test_all_shards_of_one_plan_are_whole() -> None:
    suites = [{"shard": f"{number}/3", "shard_plan": "p"} for number in (1, 2, 3)]
    whole = results(result(), suites=suites)
    assert gate(results(result()), whole).status == 0


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ([("1/3", "p"), ("3/3", "p")], "lack shard 2/3"),
        ([("1/2", "p"), ("2/2", "q")], "come from 2 different divisions into shards"),
        ([("1/x", "p")], "have an invalid shard: 1/x"),
    ],
)
def test_missing_shard_cannot_be_judged(suites: list[tuple[str, str]], said: str) -> None:
    parts = [{"shard": shard, "shard_plan": plan} for shard, plan in suites]
    compared = gate(results(result()), results(result(), suites=parts))
    assert compared.status == 2
    assert {finding.test for finding in compared.findings} == {"the new results"}
    assert said in compared.findings[0].title


HOSTILE = "KASAN: bad \x1b[31m| `x` <script>alert(1)</script>\n::error::x % @all \u202e\ud800"


def hostile() -> Comparison:
    return gate(
        result(), result(outcome="crash", splat=HOSTILE, source="drivers/a,b:c.rs:7", confirmed="red 2 of 3")
    )


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_title_out_of_its_line(name: str) -> None:
    text = FORMATS[name](hostile())
    text.encode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert [line for line in text.splitlines() if line.startswith("::error::x")] == []


def test_text_has_a_line_each_and_one_of_all() -> None:
    old = results(result("test_a"), result("test_b"), result("test_c", "fail", message="m"))
    new = results(
        result("test_a", "crash", splat="WARNING in f", confirmed="red 2 of 3"),
        result("test_c"),
        result("test_d"),
    )
    assert render_text(gate(old, new)).splitlines() == [
        "NEW FAILURE  arm64  tests/test_x.py::test_a  WARNING in f [red 2 of 3]",
        "VANISHED     arm64  tests/test_x.py::test_b  was pass: pass",
        "FIXED        arm64  tests/test_x.py::test_c  was fail: m",
        "gate: regression: 3 tests, 3 in the baseline: 0 unchanged, 1 new failure, 1 vanished, 1 fixed",
    ]


def test_markdown_escapes_what_would_format_or_be_run() -> None:
    row = FORMATS["md"](hostile()).splitlines()[-1]
    assert "<script>" not in row
    assert r"\|" in row
    assert row.count(" | ") == 3


def test_json_has_the_status_and_all_facts() -> None:
    document = json.loads(render_findings(hostile()))
    assert document["status"] == 1
    assert document["counts"]["new failure"] == 1
    (finding,) = document["findings"]
    assert (finding["change"], finding["arch"], finding["confirmed"]) == (
        "new failure",
        "arm64",
        "red 2 of 3",
    )


def test_github_names_the_drivers_line() -> None:
    line = render_github(hostile()).splitlines()[0]
    assert line.startswith("::error file=drivers/a%2Cb%3Ac.rs,line=7,title=new failure%3A tests/test_x.py")
    assert "%25 @all" in line


def test_github_without_a_drivers_line_names_the_test() -> None:
    line = render_github(gate(result(), result(outcome="fail", message="assert x"))).splitlines()[0]
    assert line.startswith("::error file=tests/test_x.py,line=1,")


def test_gitlab_issues_differ_and_have_a_place() -> None:
    new = results(result("test_a", "fail", message="m"), result("test_b", "fail", message="m"))
    issues = json.loads(render_gitlab(gate(results(result("test_a"), result("test_b")), new)))
    assert len({issue["fingerprint"] for issue in issues}) == 2
    assert {issue["severity"] for issue in issues} == {"critical"}
    assert issues[0]["location"] == {"path": "tests/test_x.py", "lines": {"begin": 1}}


def test_what_was_not_judged_before_is_not_unchanged() -> None:
    """`gate` puts a test that passed in both beside the one in question."""
    assert gate(result(outcome="skip"), result(outcome="pass")).steady == 1
    assert gate(result(outcome="pass"), result(outcome="pass")).steady == 2
