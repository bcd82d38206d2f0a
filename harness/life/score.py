"""The mutants that the tests noticed, and those that survived. Pure, except for reading the results file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rustbed.errors import HostError
from rustbed.life.mutants import Mutant
from rustbed.report.cases import GOOD, INFRA
from rustbed.report.verdict import Outcome


class Fate(StrEnum):
    """How a mutant ended."""

    # a test turned red
    KILLED = "killed"
    # all tests stayed green: a test is missing, or the change has no effect
    SURVIVED = "survived"
    # it does not compile, so no test was needed
    UNBUILT = "unbuilt"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One mutant that was tried."""

    # relative to the project
    file: str
    line: int
    change: str
    fate: Fate
    # the first red test, or the reason why there was none
    told: str
    seconds: float
    # identifies the same change of the same source
    key: str


def key_of(file: str, source_hash: str, mutant: Mutant) -> str:
    """Return the key of a mutant in the results file."""
    return f"{file} {source_hash} {mutant.start} {mutant.end} {mutant.replacement.hex()}"


def load_trials(path: Path) -> dict[str, Trial]:
    """Return the results of an earlier run, by key; truncated lines are ignored."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    trials = (_parse(line) for line in lines)
    return {trial.key: trial for trial in trials if trial is not None}


def _parse(line: str) -> Trial | None:
    try:
        facts = json.loads(line)
        return Trial(**{**facts, "fate": Fate(facts["fate"])})
    except (ValueError, TypeError, KeyError):
        return None


def render_trial(trial: Trial) -> str:
    """Return a trial's line of the results file."""
    return json.dumps(asdict(trial)) + "\n"


def is_settled(trial: Trial | None) -> bool:
    """Whether a mutant need not be tried again; a survivor may be noticed by new tests."""
    return trial is not None and trial.fate is not Fate.SURVIVED


def render_score(trials: Sequence[Trial]) -> list[str]:
    """Return a line for each survivor, and a line with the totals."""
    counts = Counter(trial.fate for trial in trials)
    judged = counts[Fate.KILLED] + counts[Fate.SURVIVED]
    share = f"{100 * counts[Fate.KILLED] / judged:.1f} %" if judged else "nothing to judge"
    seconds = sum(trial.seconds for trial in trials)
    survivors = [
        f"survived  {trial.file}:{trial.line}: {trial.change}"
        for trial in trials
        if trial.fate is Fate.SURVIVED
    ]
    total = (
        f"{share}: {counts[Fate.KILLED]} of {judged} mutants were noticed,"
        f" {counts[Fate.UNBUILT]} more do not build, {seconds:.0f} s"
    )
    return [*survivors, total]


def find_flaw(status: int, outcomes: Sequence[Mapping[str, str]]) -> str:
    """Return why tests cannot judge mutants, by how they ended without one; "" if they can.

    `status` is pytest's: 0, 1, or 5 where it collected none. Tests that are all skipped would let every
    mutant survive.
    """
    red = next((case for case in outcomes if case["outcome"] not in GOOD), None)
    if red is not None:
        return f"the tests are not green without one: {red['name']}: {red['message'] or red['outcome']}"
    if not outcomes:
        return "pytest collected no test"
    if status != 0:
        return f"pytest ended with status {status} without one, and no test is red"
    if any(case["outcome"] == Outcome.PASS for case in outcomes):
        return ""
    reason, _ = Counter(f"{case['outcome']}: {case['message']}" for case in outcomes).most_common(1)[0]
    return f"no test of {len(outcomes)} passed without one: {reason}"


def fate_of(status: int, outcomes: Iterable[Mapping[str, str]]) -> tuple[Fate, str]:
    """Return how a mutant ended, given pytest's exit status, 0 or 1.

    `outcomes` are name, outcome and message of the tests, as in the results file. Raises HostError if
    they prove nothing about the mutant: a farm lost a worker, or the session failed without a red test.
    """
    if status == 0:
        return Fate.SURVIVED, "all tests stayed green"
    red = [case for case in outcomes if case["outcome"] not in GOOD]
    noticed = [case for case in red if case["outcome"] != "error"]
    if not noticed and red and "does not build" in red[0]["message"]:
        return Fate.UNBUILT, red[0]["message"]
    lost = [case for case in red if case["message"].startswith(INFRA)]
    if not red or lost:
        why = lost[0]["message"] if lost else f"pytest ended with status {status}, and no test is red"
        raise HostError(
            f"the tests of a mutant were not run to their end: {why}", fix="the same command again"
        )
    first = (noticed or red)[0]
    return Fate.KILLED, f"{first['name']}: {first['message']}"
