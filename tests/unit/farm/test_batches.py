"""Which tests go together, and what is said when no worker can run them."""

from __future__ import annotations

import pytest

from rustbed.farm.batches import (
    BATCH_S,
    LONGEST_S,
    PlannedTest,
    Waiting,
    batch_seconds,
    find_missing,
    needs_of,
    take_batch,
)


def waiting(count: int, machine: str = "") -> list[Waiting]:
    return [Waiting(test=PlannedTest(id=f"{machine}{number}", machine=machine)) for number in range(count)]


def take(tests: list[Waiting], times: dict[str, float], *, idle: int, slots: int) -> list[Waiting]:
    return take_batch(tests, times, batch_seconds(tests, times, idle=idle, slots=slots))


def test_a_batch_lasts_about_five_seconds() -> None:
    tests = waiting(200)
    assert len(take(tests, {each.test.id: 0.1 for each in tests}, idle=2, slots=2)) == BATCH_S / 0.1


def test_as_long_as_many_tests_are_left_a_batch_is_half_of_a_workers_part() -> None:
    tests = waiting(1000)
    times = {each.test.id: 0.1 for each in tests}
    assert len(take(tests, times, idle=4, slots=4)) == 125
    assert len(take(tests[125:], times, idle=3, slots=4)) == 109
    # another session waits no longer than this for a worker
    assert len(take(tests, times, idle=2, slots=2)) == LONGEST_S / 0.1
    # nobody knows yet how long they take
    assert len(take(tests, {}, idle=2, slots=2)) == BATCH_S / 0.5


def test_what_is_left_is_divided_among_idle_workers() -> None:
    tests = waiting(200)
    times = {each.test.id: 0.02 for each in tests}
    assert len(take(tests, times, idle=4, slots=4)) == 50
    assert len(take(tests[:150], times, idle=3, slots=4)) == 50


def test_a_busy_worker_is_expected_to_take_its_part() -> None:
    tests = waiting(400)
    times = {each.test.id: 0.02 for each in tests}
    assert len(take(tests, times, idle=1, slots=4)) == 200


def test_a_rest_that_is_worth_no_batch_of_its_own_goes_with_the_others() -> None:
    tests = waiting(1000)
    assert len(take(tests, {each.test.id: 0.023 for each in tests}, idle=4, slots=4)) == 250


def test_times_of_this_session_stand_for_tests_that_were_never_seen() -> None:
    tests = waiting(1000)
    assert len(take(tests, {}, idle=4, slots=4)) == 10
    assert len(take(tests, {"other": 0.02}, idle=1, slots=4)) == 250


def test_tests_of_one_machine_go_together_in_their_order() -> None:
    mixed = [each for pair in zip(waiting(3, "a"), waiting(3, "b"), strict=True) for each in pair]
    batch = take_batch(mixed, {each.test.id: 1.0 for each in mixed}, 3.0)
    assert [each.test.id for each in batch] == ["a0", "a1", "a2"]


def test_tests_of_other_machines_fill_a_batch() -> None:
    a, b, c = waiting(3, "a"), waiting(3, "b"), waiting(1, "c")
    mixed = [*a[:2], *b[:2], *c, *a[2:], *b[2:]]
    times = {each.test.id: 1.0 for each in mixed}
    assert take_batch(mixed, times, 5.0) == [*a, *b[:2]]
    assert take_batch(mixed, times, 9.0) == [*a, *b, *c]


def test_only_what_the_same_workers_can_run_fills_a_batch() -> None:
    other = Waiting(test=PlannedTest(id="arm", machine="arm64 m", arch="arm64", memory_mib=384))
    small, large = (
        Waiting(test=PlannedTest(id=str(mib), machine=f"x86_64 {mib}", arch="x86_64", memory_mib=mib))
        for mib in (384, 1152)
    )
    assert take_batch([small, other, waiting(1)[0], large], {}, BATCH_S) == [small, large]


def test_a_suite_on_another_machine_is_another_suite() -> None:
    tests = [Waiting(test=PlannedTest(id=m + n, machine=m, shared="s")) for m in "ab" for n in "12"]
    assert [each.test.id for each in take_batch(tests, dict.fromkeys(["a1"], 1.0), 1.0)] == ["a1", "a2"]


def test_a_suspect_has_no_company() -> None:
    first, second, third = waiting(3)
    suspect = Waiting(test=second.test, losses=1, suspect=True)
    assert take_batch([suspect, first, third], {}, BATCH_S) == [suspect]
    assert take_batch([first, suspect, third], {}, BATCH_S) == [first, third]


def test_cases_of_a_suite_go_together_however_long_they_take() -> None:
    tests = [Waiting(test=PlannedTest(id=str(n), shared="suite" if n % 2 else "")) for n in range(8)]
    times = dict.fromkeys("01234567", 1.0)
    assert [each.test.id for each in take_batch(tests, times, 2.0)] == ["0", "1", "3", "5", "7"]
    assert [each.test.id for each in take_batch(tests[::2], times, 2.0)] == ["0", "2"]
    # a suite that is not begun is another batch's
    assert [each.test.id for each in take_batch(tests, times, 1.0)] == ["0"]


def test_one_test_that_lasts_longer_than_a_batch_is_a_batch() -> None:
    tests = waiting(2)
    assert len(take(tests, {"0": 60.0, "1": 60.0}, idle=1, slots=1)) == 1


def test_a_batch_needs_what_its_largest_machine_needs() -> None:
    small = Waiting(test=PlannedTest(id="a", arch="arm64", memory_mib=384))
    large = Waiting(test=PlannedTest(id="b", arch="arm64", memory_mib=1152))
    assert needs_of([small, large]) == {"arch arm64": 1.0, "memory_mib": 1152.0}


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ([], "no worker is connected"),
        ([{"memory_mib": 9000, "arch x86_64": 1}], "no worker has the architecture arm64"),
        (
            [{"memory_mib": 300, "arch arm64": 1}],
            "no worker has 384 MiB of memory: the largest has 300 MiB",
        ),
        (
            [{"memory_mib": 300, "arch arm64": 1}, {"memory_mib": 9000, "arch x86_64": 1}],
            "no worker has all of arch arm64, memory_mib",
        ),
        ([{"memory_mib": 300}, {"memory_mib": 384, "arch arm64": 1}], ""),
    ],
)
def test_what_is_missing_is_named(workers: list[dict[str, float]], said: str) -> None:
    test = PlannedTest(id="a", arch="arm64", memory_mib=384)
    assert find_missing(test.needs, workers) == said


def test_a_machine_under_kvm_needs_a_proof_and_every_test_the_same_programs() -> None:
    worker = {"Python 3.11": 1.0, "rustbed 0.1.0": 1.0, "arch arm64": 1.0, "memory_mib": 9000.0}
    test = PlannedTest(
        id="a", arch="arm64", memory_mib=384, kvm=True, software=("Python 3.11", "rustbed 0.1.0")
    )
    assert find_missing(test.needs, [worker]) == "no worker has shown by a boot that KVM works for arm64"
    assert find_missing(test.needs, [worker | {"kvm arm64": 1.0}]) == ""
    newer = PlannedTest(id="a", software=("Python 3.13", "rustbed 0.1.0"))
    assert find_missing(newer.needs, [worker]) == "no worker has Python 3.13: they have Python 3.11"
    newer = PlannedTest(id="a", software=("Python 3.11", "rustbed 0.2.0"))
    assert find_missing(newer.needs, [worker]) == "no worker has rustbed 0.2.0: they have rustbed 0.1.0"
