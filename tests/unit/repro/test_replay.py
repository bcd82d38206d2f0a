"""What a replay says about the run that it repeats."""

from __future__ import annotations

import pytest
from tests.unit.repro.scenes import OOPS, WARNING, scene, told

from rustbed.report.verdict import Outcome
from rustbed.repro.replay import Judgement, Replayed, Sameness, failing_step, judge_replay
from rustbed.repro.scene import Scene

COMMANDS = (told("insmod toy"), told("rmmod toy", status=137), told("echo after"))
RED_BY_SPLAT = scene(COMMANDS, splats=(OOPS, WARNING), came=(OOPS, WARNING))


def judged(of: Scene, **facts: object) -> Judgement:
    given: dict[str, object] = {"given": len(of.commands)}
    return judge_replay(of, Replayed(**given | facts))  # type: ignore[arg-type] # checked where they are used


def test_the_same_splat_is_the_same_failure() -> None:
    found = judged(RED_BY_SPLAT, splats=((0, WARNING), (1, OOPS)))
    assert found == Judgement(sameness=Sameness.SAME, reason=OOPS.title, step=1)


def test_what_else_came_decides_nothing() -> None:
    assert judged(RED_BY_SPLAT, splats=((1, OOPS),), outputs=(2,)).sameness is Sameness.SAME


def test_another_splat_is_another_failure() -> None:
    found = judged(RED_BY_SPLAT, splats=((1, WARNING),))
    assert found.sameness is Sameness.DIFFERENT
    assert WARNING.title in found.reason


def test_no_splat_is_no_failure() -> None:
    found = judged(RED_BY_SPLAT)
    assert found.sameness is Sameness.DIFFERENT
    assert found.reason.endswith("what came: nothing")


@pytest.mark.parametrize("outcome", [Outcome.CRASH, Outcome.HANG, Outcome.LOST])
def test_an_end_without_a_splat_is_compared_as_such(outcome: Outcome) -> None:
    red = scene(COMMANDS, outcome=outcome)
    assert judged(red, ended=outcome, given=2).sameness is Sameness.SAME
    assert judged(red, ended=outcome, given=2).step == 1
    assert judged(red).sameness is Sameness.DIFFERENT


def test_a_hang_is_no_crash() -> None:
    assert judged(scene(COMMANDS, outcome=Outcome.HANG), ended=Outcome.CRASH).sameness is Sameness.DIFFERENT


def test_a_test_that_sees_the_same_fails_the_same() -> None:
    assert judged(scene(COMMANDS)).sameness is Sameness.SAME


def test_another_status_is_another_course() -> None:
    found = judged(scene(COMMANDS), statuses=(1,))
    assert (found.sameness, found.step) == (Sameness.DIFFERENT, 1)
    assert "rmmod toy" in found.reason


def test_another_output_may_mean_anything() -> None:
    assert judged(scene(COMMANDS), outputs=(2,)).sameness is Sameness.UNKNOWN


def test_a_command_that_was_refused_again_is_the_same() -> None:
    red = scene(COMMANDS, reason="command failed: rmmod toy")
    found = judged(red, outputs=(0,))
    assert (found.sameness, found.step) == (Sameness.SAME, 1)


def test_a_command_that_was_not_refused_now_is_not_the_same() -> None:
    red = scene(COMMANDS, reason="command failed: rmmod toy")
    assert judged(red, statuses=(1,)).sameness is Sameness.DIFFERENT


def test_declared_splats_must_come_again() -> None:
    red = scene(COMMANDS, came=(WARNING,))
    assert judged(red).sameness is Sameness.DIFFERENT
    assert judged(red, splats=((1, WARNING),)).sameness is Sameness.SAME
    assert judged(red, splats=((1, WARNING), (1, OOPS))).sameness is Sameness.DIFFERENT


def test_what_the_boot_says_is_not_the_tests() -> None:
    assert judged(scene(COMMANDS), splats=((-1, WARNING),)).sameness is Sameness.SAME


def test_a_machine_that_dies_is_not_the_same() -> None:
    assert judged(scene(COMMANDS), ended=Outcome.LOST).sameness is Sameness.DIFFERENT


@pytest.mark.parametrize(
    ("red", "replayed", "step"),
    [
        (RED_BY_SPLAT, Replayed(given=3, splats=((1, OOPS),)), 1),
        (RED_BY_SPLAT, Replayed(given=3, splats=((0, WARNING),)), 0),
        (RED_BY_SPLAT, Replayed(given=2, ended=Outcome.HANG), 1),
        (scene((told("a"), told("b", status=None), told("c"))), Replayed(given=3, statuses=(0,)), 0),
        (scene((told("a"), told("b", status=None)), outcome=Outcome.HANG), Replayed(given=2), 1),
        (scene((told("a", status=2), told("b")), splats=(OOPS,)), Replayed(given=2), 0),
        (scene((told("a"), told("b")), splats=(OOPS,)), Replayed(given=2), 1),
        (scene(), Replayed(given=0), None),
    ],
)
def test_the_failing_step_is_what_tells_most(red: Scene, replayed: Replayed, step: int | None) -> None:
    assert failing_step(red, replayed) == step
