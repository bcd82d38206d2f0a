"""`rustbed bisect`: tries kernels with a test until the first bad one is known.

Each trial is a pytest of its own, as a user would start it; what it leaves
shows the result. What was found is kept, so that a bisection that was
interrupted goes on.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from rustbed import process, runfiles
from rustbed.bisect.candidates import check_out, describe_commit, remove_worktree
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
from rustbed.cache import remove_tree, write_atomically
from rustbed.errors import HarnessError, UsageError
from rustbed.progress import Say, find_progress
from rustbed.report.cases import PHASE, SUITE
from rustbed.report.results import load_results
from rustbed.report.verdict import Outcome
from rustbed.together import work_together

STATE = "bisect.json"
WORKTREE = "worktree"
# git adds one working tree at a time
_GIT = Lock()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a bisection has to find."""

    # kernels in order, the first good and the last bad, as --kernel names them
    row: tuple[str, ...]
    # pytest's arguments: the test, and options for it
    test: tuple[str, ...]
    # runs of the test on each kernel
    runs: int
    # kernels to try at once
    at_once: int
    # for the state and the runs' files
    directory: Path


def bisect(question: Question, say: Say) -> int:
    """Find the first bad kernel; return 0 if it is known, 1 if those before it could not be tried.

    Raises UsageError if an end of the row is not as the user said.
    """
    asked = {"row": list(question.row), "test": list(question.test), "runs": question.runs}
    state = question.directory / STATE
    trials = parse_state(state.read_text(), asked, str(state)) if state.exists() else {}
    for kernel, trial in trials.items():
        say(f"{kernel}  {trial} (known)")
    for kernel, trial in _search(question, trials, say):
        trials[kernel] = trial
        write_atomically(state, render_state(asked, trials))
        say(f"{kernel}  {trial}  ({trial.seconds:.0f} s)")
    for work in question.directory.glob(f"{WORKTREE}-*"):
        remove_worktree(question.row[-1], work)
    if (wrong := check_ends(question.row, trials)) is not None:
        raise UsageError(
            f"there is nothing to bisect: {wrong}",
            look=question.directory,
            fix=f"to try them again: rm -r {shlex.quote(str(question.directory))}",
        )
    found = culprits(question.row, trials)
    say(f"first bad: {' or '.join(found)}")
    for line in _conclusion(question.row, trials, found):
        say(f"  {line}")
    return 0 if len(found) == 1 else 1


def _conclusion(row: Sequence[str], trials: Mapping[str, Trial], found: Sequence[str]) -> Iterator[str]:
    """Yield the facts about the first bad kernel that a person needs."""
    guilty, before = trials[found[-1]], row[row.index(found[0]) - 1]
    yield f"{guilty}"
    if (said := describe_commit(found[-1])) is not None:
        yield f"commit    {said}"
    yield f"files     {guilty.evidence}"
    yield f"last good {before}"
    yield f"files     {trials[before].evidence}"


def _search(question: Question, trials: Mapping[str, Trial], say: Say) -> Iterator[tuple[str, Trial]]:
    """Yield kernels and their trials, in addition to the known ones, until they are enough."""
    while chosen := choose_next(question.row, trials, question.at_once):
        most = len(trials) + count_left(question.row, trials, question.at_once)
        for number, kernel in enumerate(chosen, len(trials) + 1):
            say(f"{kernel}  trial {number} of at most {most}")
        try:
            yield from _try_together(question, chosen, say)
        except KeyboardInterrupt:
            for kernel in chosen:
                if kernel not in trials:
                    say(f"{kernel}  not finished; the same command continues from here")
            raise


def _try_together(question: Question, kernels: Sequence[str], say: Say) -> Iterator[tuple[str, Trial]]:
    """Yield each kernel after its trial. If the caller stops early, the trials end with this process."""

    def in_slot(slot: int, kernel: str, tell: Say) -> Trial:
        who = f"  {kernel}" if len(kernels) > 1 else ""
        return _try(question, kernel, f"{WORKTREE}-{slot}", lambda line: tell(f"{who}{line}"))

    slots = [partial(in_slot, slot) for slot in range(1, len(kernels) + 1)]
    return work_together(kernels, slots, say)


def _try(question: Question, kernel: str, worktree: str, say: Say) -> Trial:
    """Run the test on one kernel as often as asked; an unavailable kernel is skipped."""
    directory = question.directory / f"kernel-{question.row.index(kernel) + 1}"
    # left by an interrupted trial
    remove_tree(directory)
    begun = time.monotonic()
    try:
        with _GIT:
            source = check_out(kernel, question.directory / worktree)
    except HarnessError as error:
        return Trial(result=Result.SKIP, red=0, runs=0, reason=error.headline)
    outcomes, reason = [], ""
    for run in range(1, question.runs + 1):
        red, why = _run(question.test, source, directory / f"run-{run}", say)
        outcomes.append(red)
        reason = why or reason
        if red is None:
            # it does not build or boot, and would not in the next run
            break
    result, count, told = classify(outcomes)
    return Trial(
        result=result,
        red=count,
        runs=told,
        reason=reason,
        evidence=str(directory),
        seconds=round(time.monotonic() - begun, 1),
    )


def _run(test: Sequence[str], kernel: str, results: Path, say: Say) -> tuple[bool | None, str]:
    """Run a test once and return whether it was red (None: no answer) and why."""

    def on_line(line: str) -> None:
        if (shown := find_progress(line)) is not None:
            say(f"  {shown}")

    results.mkdir(parents=True)
    # the prefix makes them ours whatever else is installed, and = keeps them from being paths of tests
    words = [f"--rustbed-kernel={kernel}", f"--rustbed-results={results}"]
    argv = [sys.executable, "-m", "pytest", *test, *words]
    log = results / "pytest.log"
    status = process.run_logged([*argv, "-p", "no:cacheprovider"], log=log, on_line=on_line)
    junit = results / runfiles.LATEST / runfiles.JUNIT
    if not junit.exists():
        return None, f"pytest ended with status {status}: {log}"
    return judge_results(junit)


def judge_results(junit: Path) -> tuple[bool | None, str]:
    """Return whether a results file is red, and the title of what made it so; None without an answer.

    A test that was skipped, could not be run, or got no machine says nothing,
    however many others passed; neither does a session that was cut short.
    """
    results = list(load_results([junit]).tests.values())
    for result in results:
        if result.is_red and result.classname != SUITE and PHASE not in result.properties:
            return True, result.title
    for result in results:
        if result.outcome is not Outcome.PASS and result.outcome is not Outcome.XFAIL:
            return None, f"{result.outcome}: {result.title}"
    return (False, "") if results else (None, "no test was run")
