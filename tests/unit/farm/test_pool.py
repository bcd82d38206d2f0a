"""What becomes of tests whose workers are lost: a farm of plain data stands in for a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rustbed.farm.batches import Needs, PlannedTest
from rustbed.farm.pool import ATTEMPTS, Ended, FarmGoneError, Pool
from rustbed.farm.store import Events, Job, claim, write_ending

# what a worker makes of a job: why it was lost, "" if it was not
Work = Callable[[Path, Sequence[str]], str]

JOB = Job(attempt="", arguments=["-q"], directory=".", environment={}, tests=())


@dataclass
class Task:
    why: str

    def poll(self) -> str | None:
        return self.why

    def cancel(self) -> None:
        pass


@dataclass
class Farm:
    work: Work
    slots: list[Needs] = field(default_factory=lambda: [{}, {}])
    # tests of each job
    jobs: list[Sequence[str]] = field(default_factory=list)

    def workers(self) -> Sequence[Needs]:
        return self.slots

    def submit(self, job: str, needs: Needs) -> Task:
        told = json.loads(job)
        self.jobs.append(told["tests"])
        return Task(self.work(Path(told["attempt"]), told["tests"]))


def run(
    place: Path, farm: Farm, tests: Sequence[PlannedTest], patience_s: float = 0.0
) -> tuple[Pool, dict[str, Ended]]:
    pool = Pool(farm=farm, job=JOB, place=place, times={}, patience_s=patience_s)
    ended = list(pool.run(tests))
    assert len(ended) == len({each.test for each in ended}) == len(tests)
    return pool, {each.test: each for each in ended}


def named(*names: str) -> list[PlannedTest]:
    return [PlannedTest(id=name) for name in names]


def finish(attempt: Path, test: str, outcome: str = "passed") -> None:
    events = Events(attempt)
    events.write(begins=test)
    events.write(test=test, report={"outcome": outcome, "duration": 0.1})
    events.write(ends=test)


def all_well(attempt: Path, tests: Sequence[str]) -> str:
    claim(attempt)
    for test in tests:
        finish(attempt, test)
    write_ending(attempt, "")
    return ""


def test_every_test_ends_once_with_its_reports(tmp_path: Path) -> None:
    pool, ended = run(tmp_path, Farm(all_well), named(*"abcdefghijklmnop"))
    assert all(each.lost == "" and len(each.tries) == 1 for each in ended.values())
    assert pool.times == dict.fromkeys("abcdefghijklmnop", 0.1)


def deadly(name: str, times: int) -> Work:
    """Return work that a test ends with its worker, so many times."""
    deaths = [0]

    def work(attempt: Path, tests: Sequence[str]) -> str:
        claim(attempt)
        for test in tests:
            if test == name and deaths[0] < times:
                deaths[0] += 1
                Events(attempt).write(begins=test)
                return "its worker was lost"
            finish(attempt, test)
        write_ending(attempt, "")
        return ""

    return work


def test_what_was_finished_before_the_worker_was_lost_is_not_run_again(tmp_path: Path) -> None:
    farm = Farm(deadly("b", 1), [{}])
    _, ended = run(tmp_path, farm, named("a", "b", "c"))
    assert not any(each.lost for each in ended.values())
    assert [test for tests in farm.jobs for test in tests].count("a") == 1


def test_a_test_that_ends_its_workers_is_tried_elsewhere_alone_and_then_given_up(tmp_path: Path) -> None:
    farm = Farm(deadly("b", 99), [{}])
    _, ended = run(tmp_path, farm, named("a", "b", "c"))
    assert [test for test, each in ended.items() if each.lost] == ["b"]
    assert "its worker was lost; tried 3 times" in ended["b"].lost
    assert [tests for tests in farm.jobs if "b" in tests][1:] == [["b"]] * (ATTEMPTS - 1)


def test_a_job_that_no_worker_began_blames_no_test(tmp_path: Path) -> None:
    left = [7]

    def work(attempt: Path, tests: Sequence[str]) -> str:
        left[0] -= 1
        return "its worker was lost" if left[0] > 0 else all_well(attempt, tests)

    _, ended = run(tmp_path, Farm(work), named("a"))
    assert not ended["a"].lost


def test_a_pytest_that_runs_nothing_is_tried_so_often_and_its_words_are_told(tmp_path: Path) -> None:
    def work(attempt: Path, tests: Sequence[str]) -> str:
        claim(attempt)
        write_ending(attempt, "pytest ended with status 4: ERROR: no such option")
        return ""

    farm = Farm(work, [{}])
    _, ended = run(tmp_path, farm, named("a", "b"))
    assert len(farm.jobs) == ATTEMPTS
    assert all("status 4: ERROR: no such option" in each.lost for each in ended.values())


def test_a_worker_that_finished_before_it_was_lost_has_finished(tmp_path: Path) -> None:
    def work(attempt: Path, tests: Sequence[str]) -> str:
        all_well(attempt, tests)
        return "its worker was lost"

    pool, ended = run(tmp_path, Farm(work), named("a"))
    assert (ended["a"].lost, pool.trouble) == ("", [])


def test_a_failure_before_the_loss_is_kept_beside_what_came_after_it(tmp_path: Path) -> None:
    first = [True]

    def work(attempt: Path, tests: Sequence[str]) -> str:
        if not first[0]:
            return all_well(attempt, tests)
        first[0] = False
        claim(attempt)
        Events(attempt).write(begins="a")
        Events(attempt).write(test="a", report={"outcome": "failed"})
        return "its worker was lost"

    _, ended = run(tmp_path, Farm(work), named("a"))
    assert [[report["outcome"] for report in each] for each in ended["a"].tries] == [["failed"], ["passed"]]


def test_what_no_worker_has_is_an_error_that_names_it_and_others_run(tmp_path: Path) -> None:
    wanted = [PlannedTest(id="a", arch="arm64", memory_mib=1), PlannedTest(id="b")]
    _, ended = run(tmp_path, Farm(all_well, [{"memory_mib": 9}]), wanted)
    assert ended["a"].lost == "no worker has the architecture arm64, for 0 s"
    assert not ended["b"].lost


def test_a_farm_without_workers_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    _, ended = run(tmp_path, Farm(all_well, []), named("a"))
    assert ended["a"].lost == "no worker is connected, for 0 s"


class Pending(Task):
    def poll(self) -> str | None:
        return None


class Going(Farm):
    """A farm that is gone as soon as it has a job."""

    def workers(self) -> Sequence[Needs]:
        if self.jobs:
            raise FarmGoneError("the farm is gone")
        return [{}]

    def submit(self, job: str, needs: Needs) -> Task:
        super().submit(job, needs)
        return Pending("")


def test_a_farm_that_goes_leaves_what_was_finished(tmp_path: Path) -> None:
    def half(attempt: Path, tests: Sequence[str]) -> str:
        claim(attempt)
        finish(attempt, tests[0])
        Events(attempt).write(begins=tests[1])
        return ""

    _, ended = run(tmp_path, Going(half), named(*map(str, range(20))))
    assert [test for test, each in ended.items() if not each.lost] == ["0"]
    assert ended["1"].lost == ended["19"].lost == "the farm is gone"


@pytest.mark.parametrize("ending", [None, "", "pytest ended with status 3"])
def test_of_a_farm_that_goes_the_batch_that_had_ended_is_no_trouble(
    tmp_path: Path, ending: str | None
) -> None:
    def work(attempt: Path, tests: Sequence[str]) -> str:
        claim(attempt)
        finish(attempt, "a")
        Events(attempt).write(handed_over={"sum": 1})
        if ending is not None:
            write_ending(attempt, ending)
        return ""

    pool, ended = run(tmp_path, Going(work), named("a"))
    assert not ended["a"].lost
    assert pool.handed_over == [{"sum": 1}]
    told = "the farm is gone" if ending is None else ending
    assert pool.trouble == ([f"{told} ({tmp_path / '1'})"] if told else [])


def test_a_test_that_workers_cannot_begin_is_given_up(tmp_path: Path) -> None:
    # a host without the session's directory, for instance
    farm = Farm(lambda attempt, tests: "its worker failed: OSError: none here")
    _, ended = run(tmp_path, farm, named("a", "b"))
    assert "none here; tried 3 times" in ended["a"].lost
    # one that is lost between two batches is nothing strange: it is not held against a test at once
    assert 10 < len(farm.jobs) < 40
