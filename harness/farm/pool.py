"""The tests of a session on workers: sent in batches, sent again when a worker is lost, given up in the end.

A worker is known here only as something that takes jobs; results are read from an attempt's directory.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from rustbed.errors import HostError
from rustbed.farm.batches import (
    Needs,
    PlannedTest,
    Waiting,
    batch_seconds,
    find_missing,
    needs_of,
    take_batch,
)
from rustbed.farm.store import Attempt, Job, Report, read_attempt, read_ending, write_job

# lost attempts after which a test is given up: the first, and two elsewhere
ATTEMPTS = 3
# seconds to wait for a worker that can run a test: another one starts in that time
PATIENCE_S = 30.0
# attempts of a test that may be lost before a worker begins them: more are not an accident
_UNBEGUN = 10
# seconds between looks at running jobs, and at the workers
_LOOK_S, _WORKERS_S = 0.02, 1.0


class FarmGoneError(HostError):
    """The scheduler ended, or is out of reach."""


class Task(Protocol):
    """A job that the farm has."""

    def poll(self) -> str | None:
        """Return None as long as it may run, "" when it has ended, else why its worker cannot say how.

        Raises FarmGoneError.
        """

    def cancel(self) -> None:
        """End it if it runs, or else never start it."""


class Farm(Protocol):
    """Takes jobs."""

    def workers(self) -> Sequence[Needs]:
        """Return what each worker has. Raises FarmGoneError."""

    def submit(self, job: str, needs: Needs) -> Task:
        """Let a worker that has what is needed run a job. Raises FarmGoneError."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A test that has ended, or was given up."""

    test: str
    # the reports of each attempt that has some; the last attempt counts
    tries: tuple[tuple[Report, ...], ...] = ()
    # why no attempt counts; "" if one does
    lost: str = ""


@dataclass(kw_only=True)
class _Running:
    batch: list[Waiting]
    attempt: Path
    task: Task


@dataclass(kw_only=True)
class Pool:
    """A session's tests, and the farm that runs them."""

    farm: Farm
    # the job of all attempts, without tests and directory
    job: Job
    # where attempts have their directories
    place: Path
    # seconds by test id: of earlier sessions, then of this one, too
    times: dict[str, float]
    patience_s: float = PATIENCE_S
    # facts of workers' sessions for the whole session
    handed_over: list[dict[str, Any]] = field(default_factory=list)
    # errors of attempts whose tests all ended
    trouble: list[str] = field(default_factory=list)
    _waiting: list[Waiting] = field(default_factory=list)
    _running: list[_Running] = field(default_factory=list)
    # directories of earlier attempts, by test
    _attempts: dict[str, list[Path]] = field(default_factory=dict)
    _count: int = 0
    _workers: Sequence[Needs] = ()
    _looked: float = 0.0
    # since when no worker has what a batch needs, by those needs
    _missing: dict[str, float] = field(default_factory=dict)

    def run(self, tests: Sequence[PlannedTest]) -> Generator[Ended, None, None]:
        """Yield each test when it has ended, or cannot run. A caller that stops early leaves tests unrun."""
        self._waiting = [Waiting(test=test) for test in tests]
        try:
            while self._waiting or self._running:
                yield from self._collect()
                yield from self._send()
                time.sleep(_LOOK_S)
        except FarmGoneError as error:
            yield from self._give_up(str(error))
        finally:
            for each in self._running:
                each.task.cancel()

    def _collect(self) -> Iterator[Ended]:
        """Yield the tests of attempts that are over."""
        for each in list(self._running):
            why = each.task.poll()
            if why is not None:
                # if a worker finished and then died, its attempt has finished
                told = read_ending(each.attempt)
                self._running.remove(each)
                # look at the workers before anything is sent again
                self._looked = 0.0
                yield from self._settle(each, (why or "the worker left no message") if told is None else told)

    def _settle(self, ran: _Running, why: str) -> Iterator[Ended]:
        """Yield the finished tests of an attempt; the others wait again, or are given up."""
        known = read_attempt(ran.attempt)
        self.handed_over.append(known.handed_over)
        for each in ran.batch:
            if each.test.id in known.finished:
                yield self._ended(each.test.id, known)
        lacking = [each for each in ran.batch if each.test.id not in known.finished]
        if why and not lacking:
            self.trouble.append(f"{why} ({ran.attempt})")
        # doubtful tests run first
        again = [self._again(each, known) for each in lacking]
        self._waiting = [*(each for each in again if each.losses < ATTEMPTS), *self._waiting]
        for each in again:
            if each.losses >= ATTEMPTS:
                # pytest gives no reason for a test that it does not find again
                reason = why or "the worker's pytest did not find it"
                yield self._lost(each.test.id, f"{reason}; tried {ATTEMPTS} times ({ran.attempt})")

    def _again(self, each: Waiting, known: Attempt) -> Waiting:
        """Return how a test waits whose attempt ended without it.

        The loss counts for the tests that had begun, or else for all. If no worker began the attempt, it
        waited for a worker that was lost, and the loss counts for none.
        """
        if not known.begun and each.unbegun < _UNBEGUN:
            return replace(each, unbegun=each.unbegun + 1)
        suspect = each.test.id in known.reports
        is_blamed = suspect or not known.reports
        return replace(each, losses=each.losses + is_blamed, suspect=each.suspect or suspect)

    def _ended(self, test: str, known: Attempt) -> Ended:
        reports = known.reports[test]
        self.times[test] = sum(float(report.get("duration", 0.0)) for report in reports)
        return Ended(test=test, tries=(*self._earlier(test), tuple(reports)))

    def _lost(self, test: str, why: str) -> Ended:
        return Ended(test=test, tries=self._earlier(test), lost=why)

    def _earlier(self, test: str) -> tuple[tuple[Report, ...], ...]:
        """Return the reports of attempts of a test before the last one, where these say how it ended."""
        tries = [read_attempt(attempt) for attempt in self._attempts.get(test, ())[:-1]]
        return tuple(tuple(known.reports[test]) for known in tries if known.tells(test))

    def _send(self) -> Iterator[Ended]:
        """Give tests to idle workers; yield those that no worker can run."""
        if time.monotonic() - self._looked > _WORKERS_S:
            self._workers, self._looked = self.farm.workers(), time.monotonic()
            yield from self._drop_impossible()
        idle, slots = len(self._workers) - len(self._running), len(self._workers)
        if idle <= 0:
            return
        seconds = batch_seconds(self._waiting, self.times, idle=idle, slots=slots)
        for _ in range(idle):
            possible = [each for each in self._waiting if not find_missing(each.test.needs, self._workers)]
            if not possible:
                return
            self._start(take_batch(possible, self.times, seconds))

    def _start(self, batch: list[Waiting]) -> None:
        self._count += 1
        attempt = self.place / str(self._count)
        tests = [each.test.id for each in batch]
        job = write_job(replace(self.job, attempt=str(attempt), tests=tests))
        task = self.farm.submit(job, needs_of(batch))
        for test in tests:
            self._attempts.setdefault(test, []).append(attempt)
        sent = set(tests)
        self._waiting = [each for each in self._waiting if each.test.id not in sent]
        self._running.append(_Running(batch=batch, attempt=attempt, task=task))

    def _drop_impossible(self) -> Iterator[Ended]:
        """Yield the tests for which no worker has come in time."""
        now = time.monotonic()
        batches = [[each] for each in self._waiting] + [ran.batch for ran in self._running]
        lacking = {why for batch in batches if (why := find_missing(needs_of(batch), self._workers))}
        self._missing = {why: self._missing.get(why, now) for why in lacking}
        hopeless = {why for why, since in self._missing.items() if now - since > self.patience_s}
        if not hopeless:
            return
        for ran in list(self._running):
            if find_missing(needs_of(ran.batch), self._workers) in hopeless:
                ran.task.cancel()
                self._running.remove(ran)
                yield from self._settle(ran, "its worker is gone")
        for each in list(self._waiting):
            if (why := find_missing(each.test.needs, self._workers)) in hopeless:
                self._waiting.remove(each)
                yield self._lost(each.test.id, f"{why}, for {self.patience_s:.0f} s")

    def _give_up(self, why: str) -> Iterator[Ended]:
        """Yield all tests that have not ended: as far as they came, and as lost."""
        for ran in self._running:
            told = read_ending(ran.attempt)
            yield from self._settle(ran, why if told is None else told)
        for each in self._waiting:
            yield self._lost(each.test.id, why)
