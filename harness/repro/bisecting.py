"""`rustbed bisect`: tries kernels with a test until the first bad one is known.

Each trial is a pytest of its own, as a user would start it; what it leaves
tells how it went. What was found is kept, so that a bisection that was
interrupted goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import process
from harness.cache import write_atomically
from harness.errors import HarnessError, UsageError
from harness.kernel.source import SourceKind, parse_source
from harness.report.results import load_results
from harness.report.verdict import Outcome
from harness.repro.bisect import (
    Result,
    Trial,
    check_ends,
    choose_next,
    classify,
    culprits,
    parse_state,
    render_state,
)
from harness.repro.candidates import git, split_commit
from harness.repro.run import Say

STATE = "bisect.json"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a bisection is to find."""

    # kernels in order, the first good and the last bad, as --kernel names them
    row: tuple[str, ...]
    # pytest's arguments: the test, and options for it
    test: tuple[str, ...]
    # how often it is run on each kernel
    runs: int
    # gets the state and the runs' files
    directory: Path


def bisect(question: Question, say: Say) -> int:
    """Find the first bad kernel; return 0 if it is known, 1 if those before it could not be tried.

    Raises UsageError if an end of the row is not what it is said to be.
    """
    asked = {"row": list(question.row), "test": list(question.test), "runs": question.runs}
    state = question.directory / STATE
    trials = parse_state(state.read_text(), asked, str(state)) if state.exists() else {}
    for kernel, trial in trials.items():
        say(f"{kernel}  {trial} (known)")
    while (chosen := choose_next(question.row, trials)) is not None:
        trials[chosen] = _try(question, chosen, len(trials) + 1)
        write_atomically(state, render_state(asked, trials))
        say(f"{chosen}  {trials[chosen]}")
    if (wrong := check_ends(question.row, trials)) is not None:
        raise UsageError(f"there is nothing to bisect: {wrong}", state=state)
    found = culprits(question.row, trials)
    say(f"first bad: {' or '.join(found)}")
    guilty = trials[found[-1]]
    say(f"  {guilty}")
    say(f"  files     {guilty.evidence}")
    say(f"  last good {question.row[question.row.index(found[0]) - 1]}")
    return 0 if len(found) == 1 else 1


def _try(question: Question, kernel: str, number: int) -> Trial:
    """Run the test on one kernel as often as asked for; a kernel that cannot be had is skipped."""
    directory = question.directory / f"trial-{number}"
    try:
        source = _check_out(kernel, question.directory)
    except HarnessError as error:
        return Trial(result=Result.SKIP, red=0, runs=0, reason=error.headline, evidence=str(directory))
    outcomes, reason = [], ""
    for run in range(1, question.runs + 1):
        red, why = _run(question.test, source, directory / f"run-{run}")
        outcomes.append(red)
        reason = why or reason
        if red is None:
            # it does not build or boot: it will not the next time
            break
    result, count, told = classify(outcomes)
    return Trial(result=result, red=count, runs=told, reason=reason, evidence=str(directory))


def _check_out(kernel: str, directory: Path) -> str:
    """Return a kernel as --kernel takes it; a commit is checked out into a working tree, always the same."""
    if parse_source(kernel).kind is not SourceKind.TREE:
        return kernel
    tree, commit = split_commit(kernel)
    work = directory / "worktree"
    if (work / ".git").exists():
        git(work, "checkout", "--quiet", "--detach", "--force", commit)
    else:
        git(tree, "worktree", "add", "--quiet", "--detach", "--force", str(work), commit)
    return f"{SourceKind.TREE}:{work}"


def _run(test: Sequence[str], kernel: str, results: Path) -> tuple[bool | None, str]:
    """Run a test once and return whether it was red (None: it told nothing) and why."""
    results.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "pytest", *test, "--kernel", kernel, "--results", str(results)]
    status = process.run_logged([*argv, "-p", "no:cacheprovider"], log=results / "pytest.log")
    junit = results / "latest" / "junit.xml"
    if not junit.exists():
        return None, f"pytest ended with status {status}: {results / 'pytest.log'}"
    return judge_results(junit)


def judge_results(junit: Path) -> tuple[bool | None, str]:
    """Return whether a results file is red, and the title of what made it so; None if it tells nothing.

    A test that was skipped or could not be run says nothing, however many others passed.
    """
    results = list(load_results([junit]).tests.values())
    for result in results:
        if result.is_red:
            return True, result.title
    for result in results:
        if result.outcome in (Outcome.ERROR, Outcome.SKIP):
            return None, f"{result.outcome}: {result.title}"
    return (False, "") if results else (None, "no test was run")
