"""The files of an attempt: a worker writes each result before it counts, so they outlive the worker.

An attempt is a directory below the session's:

    job.json        the job
    begun           made by the worker that runs it, with its host and process number; a second worker with
                    the same job does nothing
    events.jsonl    a line when a test begins, for each of its reports, and when it ends
    ended.json      how pytest ended
    pytest.log      the output of pytest

Beside the attempts, `cases.json` says which cases the session found in suites whose names depend on a host.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rustbed.cache import write_atomically

# below a session's directory
FARM = "farm"
LOG, BEGUN = "pytest.log", "begun"
_JOB, _EVENTS, _ENDED = "job.json", "events.jsonl", "ended.json"
_CASES = "cases.json"

# a report of pytest, as JSON holds it
Report = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker has to run, as plain data."""

    # the attempt's directory
    attempt: str
    # of pytest, but for the option that names the attempt
    arguments: Sequence[str]
    directory: str
    # added to the worker's own
    environment: Mapping[str, str]
    # pytest's ids
    tests: Sequence[str]
    # the project's own directory: reports name it, and not the copy
    root: str = ""


@dataclass(kw_only=True)
class Attempt:
    """What an attempt's files say."""

    # reports of tests that began, by test; and the tests that ended
    reports: dict[str, list[Report]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    # facts of the worker's session for the whole session
    handed_over: dict[str, Any] = field(default_factory=dict)
    # whether a worker began it
    begun: bool = False

    def tells(self, test: str) -> bool:
        """Whether it says how a test ended: a failure counts even if the worker was lost later."""
        has_failed = any(report.get("outcome") == "failed" for report in self.reports.get(test, ()))
        return has_failed or test in self.finished


def write_job(job: Job) -> str:
    """Make the directory of an attempt, and return its job as text."""
    text = json.dumps(asdict(job))
    directory = Path(job.attempt)
    directory.mkdir(parents=True)
    write_atomically(directory / _JOB, text)
    return text


def read_job(attempt: Path) -> Job:
    """Return the job of an attempt."""
    return parse_job((attempt / _JOB).read_text())


def parse_job(text: str) -> Job:
    """Return the job that a text holds."""
    return Job(**json.loads(text))


def claim(attempt: Path) -> bool:
    """Whether this worker may run an attempt: it is the first one to ask."""
    try:
        with (attempt / BEGUN).open("x") as file:
            file.write(f"{socket.gethostname()} {os.getpid()}\n")
    except FileExistsError:
        return False
    return True


def write_cases(place: Path, cases: dict[str, Sequence[str]]) -> None:
    """Note which cases a session found, by suite, in the directory of its attempts."""
    write_atomically(place / _CASES, json.dumps(cases))


def read_cases(attempt: Path) -> dict[str, Sequence[str]]:
    """Return what `write_cases` noted for the session of an attempt."""
    cases: dict[str, Sequence[str]] = json.loads((attempt.parent / _CASES).read_text())
    return cases


class Events:
    """The events of a worker's session; each is in the file before the session continues."""

    def __init__(self, attempt: Path, copy: str = "", root: str = "") -> None:
        """In the text of events, `copy` is replaced by `root`, unless it is ""."""
        self._path = attempt / _EVENTS
        self._copy, self._root = json.dumps(copy)[1:-1], json.dumps(root)[1:-1]

    def write(self, **event: Any) -> None:
        """Append an event; an object without a JSON form is written as its repr."""
        text = json.dumps(event, default=repr)
        with self._path.open("a") as file:
            file.write((text.replace(self._copy, self._root) if self._copy else text) + "\n")


def read_attempt(attempt: Path) -> Attempt:
    """Return what an attempt's files say so far; an incomplete line is ignored."""
    known = Attempt(begun=(attempt / BEGUN).exists())
    try:
        text = (attempt / _EVENTS).read_text()
    except FileNotFoundError:
        return known
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if "report" in event:
            known.reports[event["test"]].append(event["report"])
        elif "begins" in event:
            known.reports[event["begins"]] = []
        elif "ends" in event:
            known.finished.add(event["ends"])
        else:
            known.handed_over |= event["handed_over"]
    return known


def write_ending(attempt: Path, told: str) -> None:
    """Note how an attempt ended: "" if pytest ran its tests, else why it did not."""
    write_atomically(attempt / _ENDED, json.dumps({"told": told}))


def read_ending(attempt: Path) -> str | None:
    """Return what `write_ending` noted, None if nothing."""
    try:
        return str(json.loads((attempt / _ENDED).read_text())["told"])
    except FileNotFoundError:
        return None
