"""KTAP to results. What the kernel's own parser loses, ours must not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.provided import missing

from rustbed.cache import default_root
from rustbed.log.ktap import Outcome, Result, parse_ktap
from rustbed.log.record import parse_console

SUITES = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: bitmap
    # module: bitmap_kunit
    1..2
    # set_one: a diagnostic
    ok 1 set_one
    ok 2 - clear_one # SKIP needs two words
# bitmap: pass:1 fail:0 skip:1 total:2
ok 1 bitmap
    KTAP version 1
    # Subtest: list
    1..2
    ok 1 push
    # pop: EXPECTATION FAILED at list.rs:41
    not ok 2 pop
not ok 2 list
"""


def parse(text: str) -> Result:
    return parse_ktap(record.text for record in parse_console(text))


def outcomes(result: Result) -> dict[str, str]:
    return {"/".join(path): str(leaf.outcome) for path, leaf in result.leaves()}


def test_suites_and_their_cases() -> None:
    result = parse(SUITES)
    assert outcomes(result) == {
        "bitmap/set_one": "pass",
        "bitmap/clear_one": "skip",
        "list/push": "pass",
        "list/pop": "fail",
    }
    assert [child.outcome for child in result.children] == [Outcome.PASS, Outcome.FAIL]
    assert result.children[0].children[1].reason == "needs two words"
    assert result.children[1].children[1].log == ("# pop: EXPECTATION FAILED at list.rs:41",)
    assert (result.outcome, result.is_red, result.problems) == (Outcome.FAIL, True, ())


@pytest.mark.parametrize(
    "prefix",
    ["[   12.345678] ", "<6>[   12.345678] ", "[   12.345678][    T1] ", "  ", "kunit: "],
)
def test_what_stands_before_every_line_changes_nothing(prefix: str) -> None:
    text = "".join(f"{prefix}{line}\n" for line in SUITES.splitlines())
    assert outcomes(parse(text)) == outcomes(parse(SUITES))


def test_what_the_kernel_logs_meanwhile_belongs_to_the_next_result() -> None:
    text = SUITES.replace("    ok 1 push\n", "usb 1-1: new device\n    ok 1 push\n")
    assert parse(text).children[1].children[0].log == ("usb 1-1: new device",)


def test_a_failure_in_a_second_document_counts() -> None:
    """kunit.py of Linux 7.3 reads the first document only and ends with 0."""
    result = parse("KTAP version 1\n1..1\nok 1 one\nKTAP version 1\n1..1\nnot ok 1 two\n")
    assert outcomes(result) == {"one": "pass", "two": "fail"}
    assert result.is_red


def test_a_suite_without_its_result_line_is_lost() -> None:
    """kunit.py of Linux 7.3 shows it as crashed and ends with 0."""
    lines = SUITES.splitlines()[:-1]
    result = parse("\n".join(lines))
    assert result.children[1].outcome is Outcome.LOST
    assert result.outcome is Outcome.LOST


def test_tests_that_a_plan_announced_and_that_did_not_come_are_lost() -> None:
    result = parse("KTAP version 1\n1..3\nok 1 one\nKernel panic - not syncing: Fatal exception\n")
    assert outcomes(result) == {"one": "pass", "test 2": "lost", "test 3": "lost"}
    assert result.problems == ("1 results came, the plan announced 3",)


@pytest.mark.parametrize("word", ["SKIP", "skip", "Skip", "SKIP:", "skipped"])
def test_a_skip_is_a_skip_however_it_is_written(word: str) -> None:
    """kunit.py of Linux 7.3 takes `# skip` for a pass."""
    result = parse(f"KTAP version 1\n1..1\nok 1 one # {word} no device\n")
    (leaf,) = result.children
    assert (leaf.name, leaf.outcome, leaf.reason) == ("one", Outcome.SKIP, "no device")


def test_all_skipped_is_skipped() -> None:
    assert parse("KTAP version 1\n1..2\nok 1 a # SKIP\nok 2 b # SKIP\n").outcome is Outcome.SKIP


def test_a_plan_of_none_with_a_reason_is_a_skip_and_without_one_is_lost() -> None:
    assert parse("TAP version 13\n1..0 # SKIP not root\n").outcome is Outcome.SKIP
    assert parse("TAP version 13\n1..0\n").outcome is Outcome.LOST
    assert parse("TAP version 13\n").outcome is Outcome.LOST


@pytest.mark.parametrize(
    ("line", "outcome", "reason"),
    [
        ("not ok 1 a # XFAIL broken since 6.1", Outcome.XFAIL, "broken since 6.1"),
        ("not ok 1 a # TODO", Outcome.XFAIL, ""),
        ("ok 1 a # TODO", Outcome.PASS, ""),
        ("not ok 1 a # TIMEOUT 45 seconds", Outcome.FAIL, "timeout: 45 seconds"),
        ("not ok 1 a # ERROR no memory", Outcome.FAIL, "error: no memory"),
        ("ok 1 a", Outcome.PASS, ""),
        ("ok a", Outcome.PASS, ""),
        ("ok 1 - a", Outcome.PASS, ""),
    ],
)
def test_directives(line: str, outcome: Outcome, reason: str) -> None:
    (leaf,) = parse(f"KTAP version 1\n1..1\n{line}\n").children
    assert (leaf.name, leaf.outcome, leaf.reason) == ("a", outcome, reason)


def test_a_name_may_have_a_number_sign() -> None:
    (leaf,) = parse("KTAP version 1\n1..1\nok 1 case #3 of 4\n").children
    assert leaf.name == "case #3 of 4"


def test_kselftests_nest_behind_a_number_sign() -> None:
    inner = "# TAP version 13\n# 1..2\n# ok 1 open\n# not ok 2 close\n"
    text = f"TAP version 13\n1..1\n{inner}not ok 1 selftests: fs\n"
    assert outcomes(parse(text)) == {"selftests: fs/open": "pass", "selftests: fs/close": "fail"}


def test_a_parent_that_says_ok_cannot_hide_a_child_that_failed() -> None:
    assert parse(SUITES.replace("not ok 2 list", "ok 2 list")).is_red


def test_numbers_out_of_order_are_told() -> None:
    result = parse("KTAP version 1\n1..2\nok 1 a\nok 3 b\n")
    assert result.problems == ("number 3 came after 1",)


def test_a_log_without_a_report_is_not_green() -> None:
    result = parse("[    0.000000] Linux version 7.3.4\n")
    assert (result.outcome, result.children) == (Outcome.LOST, ())
    assert "KTAP version 1" in result.reason


@given(st.lists(st.one_of(st.sampled_from(SUITES.splitlines()), st.text(max_size=40)), max_size=40))
def test_whatever_the_lines_parsing_ends_and_no_failure_is_lost(lines: list[str]) -> None:
    result = parse_ktap(lines)
    assert Outcome(result.outcome) in Outcome
    report = [line for line in lines if line in SUITES.splitlines()]
    if report == lines and "KTAP version 1" in lines:
        begun = lines[lines.index("KTAP version 1") :]
        if any(line.strip().startswith("not ok") for line in begun):
            assert result.is_red


# what kunit_tool_test.py of Linux 7.3 expects of its own logs
KERNELS_OWN = {
    "test_config_printk_time": {"pass": 10},
    "test_interrupted_tap_output": {"pass": 10},
    "test_is_test_passed-all_passed": {"pass": 10},
    "test_is_test_passed-all_passed_nested": {"pass": 7},
    "test_is_test_passed-failure": {"pass": 9, "fail": 1},
    "test_is_test_passed-failure-nested": {"pass": 1, "fail": 1},
    "test_is_test_passed-kselftest": {"pass": 5},
    "test_is_test_passed-missing_plan": {"pass": 10},
    "test_is_test_passed-no_tests_no_plan": {"lost": 1},
    "test_kernel_panic_interrupt": {"pass": 8, "lost": 2},
    "test_multiple_prefixes": {"pass": 10},
    "test_output_with_prefix_isolated_correctly": {"pass": 10},
    "test_parse_attributes": {"pass": 1},
    "test_parse_ktap_output": {"pass": 3},
    "test_parse_subtest_header": {"pass": 1},
    "test_pound_no_prefix": {"pass": 10},
    "test_pound_sign": {"pass": 10},
    "test_skip_all_tests": {"skip": 5},
    "test_skip_tests": {"pass": 4, "skip": 1},
    "test_strip_hyphen": {"pass": 2},
}


@pytest.mark.parametrize("name", KERNELS_OWN)
def test_the_logs_that_the_kernels_own_parser_is_tested_with(name: str) -> None:
    places = sorted(default_root().glob(f"sources/*/linux/tools/testing/kunit/test_data/{name}.log"))
    if not places:
        missing("no kernel source in the cache")
    result = parse(places[-1].read_text(errors="surrogateescape"))
    assert dict(Counter(str(leaf.outcome) for _, leaf in result.leaves())) == KERNELS_OWN[name]
