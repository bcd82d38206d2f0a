"""Shards: every test in exactly one part, the same parts wherever they are worked out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.errors import UsageError
from rustbed.report.cases import key_of
from rustbed.report.result import Result
from rustbed.report.results import Results
from rustbed.report.shard import divide, parse_shard, recorded_times, render_plan
from rustbed.report.verdict import Outcome

TESTS = st.lists(st.integers(0, 60).map(lambda number: f"tests/a.py::test_{number}[arm64]"), max_size=60)
TIMES = st.dictionaries(
    st.integers(0, 60).map(lambda number: ("tests.a", f"test_{number}", "arm64")),
    st.floats(0, 1000) | st.just(0.0),
    max_size=60,
)


def ids(count: int) -> list[str]:
    return [f"tests/a.py::test_{number}[arm64]" for number in range(count)]


def times(*seconds: float) -> dict[tuple[str, str, str], float]:
    return {key_of(test): each for test, each in zip(ids(len(seconds)), seconds, strict=True)}


@given(TESTS, TIMES, st.integers(1, 40))
def test_every_test_is_in_one_part_and_no_part_is_empty(
    tests: list[str], known: dict[tuple[str, str, str], float], count: int
) -> None:
    numbers = divide(tests, known, count)
    assert len(numbers) == len(tests)
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, min(count, len(tests)) + 1))


@given(TESTS, TIMES, st.integers(1, 40))
def test_the_order_in_which_times_were_read_does_not_matter(
    tests: list[str], known: dict[tuple[str, str, str], float], count: int
) -> None:
    backwards = dict(reversed(known.items()))
    assert divide(tests, known, count) == divide(tests, backwards, count)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=60), st.integers(1, 8))
def test_no_part_takes_longer_than_its_share_and_two_tests(seconds: list[float], count: int) -> None:
    numbers = divide(ids(len(seconds)), times(*seconds), count)
    parts = [
        sum(s for s, n in zip(seconds, numbers, strict=True) if n == part) for part in range(1, count + 1)
    ]
    assert max(parts) <= sum(seconds) / count + 2 * max(seconds)


@pytest.mark.parametrize(
    ("seconds", "count", "numbers"),
    [
        # half of the second test is in the first half of the time
        ([2, 2, 2], 2, [1, 1, 2]),
        ([1, 1, 1, 1], 2, [1, 1, 2, 2]),
        ([1, 1, 1, 1], 1, [1, 1, 1, 1]),
        ([3, 1, 1, 1], 2, [1, 2, 2, 2]),
        ([1, 1, 1, 3], 2, [1, 1, 1, 2]),
        # one that takes nearly all of the time leaves no part empty
        ([100, 1, 1], 3, [1, 2, 3]),
        ([1, 1, 100], 3, [1, 2, 3]),
        ([1, 100, 1], 3, [1, 2, 3]),
        ([1, 1], 4, [1, 2]),
        ([], 2, []),
    ],
)
def test_parts_are_neighbours_of_about_the_same_time(
    seconds: list[float], count: int, numbers: list[int]
) -> None:
    assert divide(ids(len(seconds)), times(*seconds), count) == numbers


def test_without_times_tests_are_counted() -> None:
    assert divide(ids(6), {}, 3) == [1, 1, 2, 2, 3, 3]


def test_unknown_test_lasts_as_long_as_the_middle_one() -> None:
    assert divide(["a.py::new", *ids(3)], times(1, 1, 9), 2) == [1, 1, 1, 2]


def test_times_are_those_of_the_results_boots_included() -> None:
    def result(name: str, seconds: float | None, **properties: str) -> Result:
        return Result(
            classname="c",
            name=name,
            arch="arm64",
            outcome=Outcome.PASS,
            seconds=seconds,
            properties=properties,
        )

    found = [
        result("a", 1.0, boot_ms="500"),
        result("b", 2.0),
        result("c", None),
        result("d", 3.0, boot_ms="x"),
    ]
    results = Results(cases=tuple(found), suites={})
    assert recorded_times(results) == {
        ("c", "a", "arm64"): 1.5,
        ("c", "b", "arm64"): 2.0,
        ("c", "d", "arm64"): 3.0,
    }


def test_a_test_is_known_by_the_same_key_as_in_results() -> None:
    assert key_of("tests/drivers/test_x.py::test_y[arm64-full]") == (
        "tests.drivers.test_x",
        "test_y[full]",
        "arm64",
    )


def test_plans_differ_by_division_and_tests() -> None:
    plans = [
        render_plan(ids(3), [1, 1, 2]),
        render_plan(ids(3), [1, 2, 2]),
        render_plan(ids(2), [1, 2]),
    ]
    assert len(set(plans)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0/3",
        "4/3",
        "1/0",
        "-1/3",
        "a/b",
        "1/2/3",
        "1/99999",
        "1.5/2",
        "auto/",
        "auto/0",
        "auto/x",
        "3/auto",
    ],
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a shard"):
        parse_shard(text, {})


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/3", (2, 3)), ("3/3", (3, 3))])
def test_shard_is_number_and_count(text: str, shard: tuple[int, int]) -> None:
    assert parse_shard(text, {}) == shard


def test_shard_is_that_of_this_job_if_asked_for() -> None:
    assert parse_shard("auto", {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}) == (2, 3)
    assert parse_shard("auto/3", {"JOB_COMPLETION_INDEX": "1"}) == (2, 3)
