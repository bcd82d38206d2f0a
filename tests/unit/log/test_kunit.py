"""What a KUnit suite reports in the kernel log, with times and places."""

from __future__ import annotations

import pytest

from rustbed.errors import SuiteError
from rustbed.log.ktap import Outcome, Result
from rustbed.log.kunit import find_case, find_causes, find_tests, narrow_suite, parse_suite, require_green
from rustbed.log.record import Record

# as lib/kunit/test.c of Linux 7.3 prints it when debugfs tells it to: seconds, text
LOG = [
    (10.0, "    KTAP version 1"),
    (10.0, "    # Subtest: rust_kvec"),
    (10.0, "    # speed: normal"),
    (10.0, "    1..3"),
    (10.25, "    ok 1 retain"),
    (10.25, "usb 1-1: new device"),
    (10.25, "    # shrink: ASSERTION FAILED at rust/kernel/alloc/kvec.rs:77"),
    (11.25, "    not ok 2 shrink"),
    (11.25, "    # doctest.location: rust/kernel/page.rs:12"),
    (11.5, "    ok 3 doctest # SKIP no such page"),
    (11.5, "# rust_kvec: pass:1 fail:1 skip:1 total:3"),
    (11.5, "# Totals: pass:1 fail:1 skip:1 total:3"),
    (11.5, "not ok 1 rust_kvec"),
]

SOURCE = """\
impl Vec {
    #[test]
    fn no_case_of_ours() {}
}

#[macros::kunit_tests(rust_kvec)]
mod tests {
    use super::*;

    #[test]
    fn retain() {}

    #[test]
    #[cfg(CONFIG_PRINTK)]
    fn shrink() -> Result {
        Ok(())
    }

    fn not_a_test() {}
}
"""


def records(lines: list[tuple[float, str]]) -> list[Record]:
    return [
        Record(seq=number, level=6, facility=0, time_us=int(seconds * 1e6), text=text)
        for number, (seconds, text) in enumerate(lines)
    ]


def test_each_case_has_its_time_its_place_and_what_was_logged_meanwhile() -> None:
    suite = parse_suite("rust_kvec", records(LOG), {"retain": "rust/kernel/alloc/kvec.rs:9"})
    assert suite.outcome is Outcome.FAIL
    retain, shrink, doctest = suite.children
    assert (retain.outcome, retain.seconds, retain.source) == (
        Outcome.PASS,
        0.25,
        "rust/kernel/alloc/kvec.rs:9",
    )
    assert (shrink.outcome, shrink.seconds, shrink.source) == (Outcome.FAIL, 1.0, "")
    assert shrink.log[0] == "usb 1-1: new device"
    assert (doctest.outcome, doctest.seconds, doctest.source) == (
        Outcome.SKIP,
        0.25,
        "rust/kernel/page.rs:12",
    )


def test_a_red_case_is_an_error_that_names_it() -> None:
    with pytest.raises(SuiteError, match=r"kvec\.rs:77") as caught:
        require_green(parse_suite("rust_kvec", records(LOG), {}))
    assert caught.value.headline == "rust_kvec: shrink: fail"


def test_green_and_skipped_cases_are_no_error() -> None:
    green = [(at, text.replace("not ok", "ok")) for at, text in LOG]
    require_green(parse_suite("rust_kvec", records(green), {}))


def test_what_a_dead_machine_did_not_report_is_lost() -> None:
    suite = parse_suite("rust_kvec", records(LOG[:5]), {})
    assert [case.outcome for case in suite.children] == [Outcome.PASS, Outcome.LOST, Outcome.LOST]
    with pytest.raises(SuiteError, match=r"^rust_kvec: test 2: lost, and 1 more"):
        require_green(suite)


def test_a_suite_that_reported_nothing_is_lost() -> None:
    suite = parse_suite("rust_kvec", records([(1.0, "kunit: disabled")]), {})
    assert (suite.name, suite.outcome) == ("rust_kvec", Outcome.LOST)
    with pytest.raises(SuiteError, match=r"^rust_kvec: test 1: lost"):
        require_green(suite)


def test_places_are_read_from_the_module_of_the_suite_only() -> None:
    assert find_tests(SOURCE, "kvec.rs", "rust_kvec") == {"retain": "kvec.rs:11", "shrink": "kvec.rs:15"}
    assert find_tests(SOURCE, "kvec.rs", "rust_str") == {}


def test_a_case_is_found_lost_or_not_there() -> None:
    suite = parse_suite("rust_kvec", records(LOG), {})
    assert find_case(suite, "shrink") == suite.children[1]
    assert find_case(suite, "nosuch") is None
    for cut, reason in (
        (5, "its result line did not come"),
        (0, "its suite ended before it"),
    ):
        ended = parse_suite("rust_kvec", records(LOG[:cut]), {})
        lost = Result(name="nosuch", outcome=Outcome.LOST, reason=reason)
        assert find_case(ended, "nosuch") == lost


def test_a_suite_of_some_cases_is_as_red_as_they_are() -> None:
    suite = parse_suite("rust_kvec", records(LOG), {})
    retain, shrink, _ = suite.children
    require_green(narrow_suite(suite, [retain], is_first=True))
    with pytest.raises(SuiteError, match=r"^rust_kvec: shrink: fail"):
        require_green(narrow_suite(suite, [retain, shrink], is_first=False))


def test_a_suite_that_failed_by_itself_is_red_for_its_first_case() -> None:
    lines = [(at, text.replace("    not ok", "    ok")) for at, text in LOG]
    suite = parse_suite("rust_kvec", records(lines), {})
    assert (suite.outcome, list(suite.reds())) == (Outcome.FAIL, [])
    require_green(narrow_suite(suite, suite.children, is_first=False))
    with pytest.raises(SuiteError, match=r"^rust_kvec: rust_kvec: fail"):
        require_green(narrow_suite(suite, suite.children, is_first=True))


def test_what_the_kernel_reported_belongs_to_the_case_whose_result_comes_next() -> None:
    lines = list(LOG)
    warning = [
        "------------[ cut here ]------------",
        "WARNING: rust/kernel/lib.rs:5 at shrink_it+0x1/0x2, CPU#0: kunit_try_catch/9",
        "---[ end trace 0000000000000000 ]---",
    ]
    at = next(index for index, (_, text) in enumerate(lines) if "not ok 2 shrink" in text)
    lines[at:at] = [(10.5, text) for text in warning]
    assert [(name, len(found)) for name, found in find_causes(records(lines)).items()] == [("shrink", 1)]
    assert find_causes(records(LOG)) == {}
    late = [*LOG, *((11.6, text) for text in warning)]
    assert list(find_causes(records(late))) == [""]
