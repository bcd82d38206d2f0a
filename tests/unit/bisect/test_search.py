"""Which kernel is tried next, and what the trials tell."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.bisect.search import (
    Result,
    Trial,
    check_ends,
    choose_next,
    classify,
    count_left,
    culprits,
    parse_state,
    render_state,
)
from rustbed.errors import UsageError


def trial(result: Result) -> Trial:
    return Trial(result=result, red=0, runs=1, reason="")


def row(length: int) -> tuple[str, ...]:
    return tuple(f"k{number}" for number in range(length))


def search(
    kernels: tuple[str, ...], results: dict[str, Result], at_once: int = 1
) -> tuple[dict[str, Trial], int]:
    """Try kernels until there is nothing left to try; return what was found, and in how many rounds."""
    trials: dict[str, Trial] = {}
    rounds = 0
    while chosen := choose_next(kernels, trials, at_once):
        assert 0 < len(chosen) <= at_once
        assert not trials.keys() & set(chosen)
        trials |= {kernel: trial(results[kernel]) for kernel in chosen}
        rounds += 1
    return trials, rounds


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[str, ...], int, dict[str, Result]]:
    """Draw a row, its first bad kernel, and what trying each would tell; the ends can be tried."""
    kernels = row(draw(st.integers(2, 60)))
    first = draw(st.integers(1, len(kernels) - 1))
    bad = st.sampled_from([Result.BAD, Result.WEAK])
    results = {kernel: Result.GOOD if index < first else draw(bad) for index, kernel in enumerate(kernels)}
    for index in draw(st.sets(st.integers(1, max(1, len(kernels) - 2)))):
        if 0 < index < len(kernels) - 1:
            results[kernels[index]] = Result.SKIP
    return kernels, first, results


@given(histories(), st.integers(1, 8))
def test_the_first_bad_one_is_among_the_culprits(
    history: tuple[tuple[str, ...], int, dict[str, Result]], at_once: int
) -> None:
    kernels, first, results = history
    found = culprits(kernels, search(kernels, results, at_once)[0])
    assert kernels[first] in found
    # all but the last could not be tried, and nobody else is suspected
    assert all(results[kernel] is Result.SKIP for kernel in found[:-1])
    assert results[found[-1]] in (Result.BAD, Result.WEAK)


@given(st.integers(2, 2000), st.integers(0, 3), st.data())
def test_without_skips_it_takes_the_logarithm(length: int, bits: int, data: st.DataObject) -> None:
    """Trials of 2^k - 1 kernels at once tell k bits; the ends are one round, or two of one."""
    kernels, at_once = row(length), max(1, 2**bits - 1)
    first = data.draw(st.integers(1, length - 1))
    results = {k: Result.GOOD if index < first else Result.BAD for index, k in enumerate(kernels)}
    trials, rounds = search(kernels, results, at_once)
    assert culprits(kernels, trials) == (kernels[first],)
    assert rounds <= 2 + math.ceil(math.log2(length) / max(1, bits))


@given(st.integers(2, 200), st.integers(1, 8), st.data())
def test_no_more_are_tried_than_was_said(length: int, at_once: int, data: st.DataObject) -> None:
    kernels = row(length)
    first = data.draw(st.integers(1, length - 1))
    trials: dict[str, Trial] = {}
    said = []
    while chosen := choose_next(kernels, trials, at_once):
        said.append(len(trials) + count_left(kernels, trials, at_once))
        for kernel in chosen:
            trials[kernel] = trial(Result.GOOD if kernels.index(kernel) < first else Result.BAD)
    assert count_left(kernels, trials, at_once) == 0
    assert all(before >= after for before, after in itertools.pairwise([*said, len(trials)]))


def test_the_worst_case_is_what_is_said() -> None:
    """Of 2, 3 and 6 kernels none, one and four are between the ends."""
    assert [count_left(row(length), {}) for length in (2, 3, 6)] == [2, 3, 5]


@given(st.lists(st.sampled_from(list(Result)), min_size=2, max_size=30))
def test_it_ends_whatever_the_trials_say(results: list[Result]) -> None:
    kernels = row(len(results))
    trials, _ = search(kernels, dict(zip(kernels, results, strict=True)))
    assert check_ends(kernels, trials) is not None or culprits(kernels, trials)


def test_the_ends_are_tried_first() -> None:
    assert choose_next(row(9), {}) == ("k8",)
    assert choose_next(row(9), {"k8": trial(Result.BAD)}) == ("k0",)
    assert choose_next(row(9), {"k8": trial(Result.BAD), "k0": trial(Result.GOOD)}) == ("k4",)


def test_those_at_once_divide_what_is_left() -> None:
    ends = {"k8": trial(Result.BAD), "k0": trial(Result.GOOD)}
    assert choose_next(row(9), {}, 3) == ("k8", "k0")
    assert choose_next(row(9), ends, 3) == ("k2", "k4", "k6")
    assert choose_next(row(9), ends | {"k4": trial(Result.GOOD), "k6": trial(Result.BAD)}, 3) == ("k5",)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({"k8": trial(Result.GOOD)}, "k8 was expected to be bad, but is good"),
        ({"k8": trial(Result.SKIP)}, "k8 was expected to be bad, but is skip"),
        ({"k8": trial(Result.BAD), "k0": trial(Result.BAD)}, "k0 was expected to be good, but is bad"),
        ({"k8": trial(Result.BAD), "k0": trial(Result.WEAK)}, "k0 was expected to be good, but is weak"),
    ],
)
def test_ends_that_are_something_else_end_it(ends: dict[str, Trial], said: str) -> None:
    wrong = check_ends(row(9), ends)
    assert wrong is not None
    assert wrong.startswith(said)
    assert choose_next(row(9), ends) == ()


def test_beside_one_that_was_skipped_is_tried() -> None:
    trials = {"k0": trial(Result.GOOD), "k4": trial(Result.SKIP), "k8": trial(Result.BAD)}
    assert choose_next(row(9), trials) in (("k3",), ("k5",))


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], (Result.SKIP, 0, 0)),
        ([None], (Result.SKIP, 0, 0)),
        ([False, False], (Result.GOOD, 0, 2)),
        ([False, None], (Result.SKIP, 0, 1)),
        ([True, True], (Result.BAD, 2, 2)),
        ([True, False, True], (Result.WEAK, 2, 3)),
        ([True, None], (Result.BAD, 1, 1)),
    ],
)
def test_runs_make_a_result(outcomes: list[bool | None], expected: tuple[Result, int, int]) -> None:
    assert classify(outcomes) == expected


def test_a_weak_trial_says_how_weak() -> None:
    assert str(Trial(result=Result.WEAK, red=2, runs=5, reason="Oops")) == "weak (2 of 5): Oops"
    assert str(trial(Result.GOOD)) == "good"


QUESTION = {"row": ["a", "b"], "test": ["t"], "runs": 1}


def test_a_state_survives() -> None:
    trials = {"a": Trial(result=Result.WEAK, red=1, runs=3, reason="why", evidence="/x")}
    assert parse_state(render_state(QUESTION, trials), QUESTION, "s") == trials


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"question": {}, "trials": {"a": {"result": "fine"}}}'])
def test_a_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the state of a bisection"):
        parse_state(text, QUESTION, "s")


def test_a_state_of_another_bisection_is_refused() -> None:
    with pytest.raises(UsageError, match=r"another bisection(.|\n)*runs"):
        parse_state(render_state({**QUESTION, "runs": 3}, {}), QUESTION, "s")
