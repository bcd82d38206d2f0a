"""What became of mutants."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import HostError
from rustbed.life.score import (
    Fate,
    Trial,
    fate_of,
    find_flaw,
    is_settled,
    load_trials,
    render_score,
    render_trial,
)
from rustbed.report.cases import INFRA


def trial(fate: Fate, key: str = "k") -> Trial:
    return Trial(file="a.rs", line=3, change="`<` became `<=`", fate=fate, told="", seconds=2.0, key=key)


def test_fates() -> None:
    red = {"name": "test_a", "outcome": "fail", "message": "assert 1 == 2"}
    unbuilt = {"name": "test_a", "outcome": "error", "message": "toy does not build: mismatched types"}
    green = {"name": "test_b", "outcome": "pass", "message": ""}
    assert fate_of(0, [green])[0] is Fate.SURVIVED
    assert fate_of(1, [green, red]) == (Fate.KILLED, "test_a: assert 1 == 2")
    assert fate_of(1, [green, unbuilt])[0] is Fate.UNBUILT
    assert fate_of(1, [unbuilt, {**red, "outcome": "crash"}])[0] is Fate.KILLED


@pytest.mark.parametrize(
    "outcomes",
    [
        [{"name": "test_a", "outcome": "error", "message": f"{INFRA}its worker was lost; tried 3 times"}],
        [
            {"name": "test_a", "outcome": "fail", "message": "assert 1 == 2"},
            {"name": "test_b", "outcome": "error", "message": f"{INFRA}the farm is gone"},
        ],
        [{"name": "test_a", "outcome": "pass", "message": ""}],
        [],
    ],
)
def test_a_session_that_says_nothing_of_its_mutant_is_not_counted(outcomes: list[dict[str, str]]) -> None:
    with pytest.raises(HostError, match="not run to their end"):
        fate_of(1, outcomes)


def case(outcome: str, message: str = "", name: str = "test_a") -> dict[str, str]:
    return {"name": name, "outcome": outcome, "message": message}


@pytest.mark.parametrize(
    ("status", "outcomes", "flaw"),
    [
        (0, [case("skip", "no kernel"), case("pass")], ""),
        (5, [], "pytest collected no test"),
        (0, [case("skip", "no IOMMU")], "no test of 1 passed without one: skip: no IOMMU"),
        (
            0,
            [case("xfail", "known"), case("skip", "no kernel"), case("skip", "no kernel")],
            "no test of 3 passed without one: skip: no kernel",
        ),
        (
            1,
            [case("pass"), case("fail", "assert 0", "test_b")],
            "the tests are not green without one: test_b: assert 0",
        ),
        (1, [case("crash")], "the tests are not green without one: test_a: crash"),
        (1, [case("pass")], "pytest ended with status 1 without one, and no test is red"),
    ],
)
def test_tests_of_which_none_passes_cannot_judge(
    status: int, outcomes: list[dict[str, str]], flaw: str
) -> None:
    assert find_flaw(status, outcomes) == flaw


def test_the_score_leaves_out_what_does_not_build_and_names_survivors() -> None:
    lines = render_score([trial(Fate.KILLED)] * 3 + [trial(Fate.SURVIVED), trial(Fate.UNBUILT)])
    assert lines == [
        "survived  a.rs:3: `<` became `<=`",
        "75.0 %: 3 of 4 mutants were noticed, 1 more do not build, 10 s",
    ]


def test_what_is_remembered_comes_back_and_a_torn_line_does_not(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text(render_trial(trial(Fate.KILLED, "a")) + render_trial(trial(Fate.SURVIVED, "b")) + '{"fi')
    trials = load_trials(file)
    assert trials == {"a": trial(Fate.KILLED, "a"), "b": trial(Fate.SURVIVED, "b")}
    assert [is_settled(trials.get(key)) for key in ("a", "b", "c")] == [True, False, False]
    assert load_trials(tmp_path / "none") == {}
