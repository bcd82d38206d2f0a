"""Finds this job's shard from the number that a scheduler gives to each job of an array.

    SLURM_ARRAY_TASK_ID      Slurm: the user chooses the numbers; the first is 0, 1 or any other
                             https://slurm.schedmd.com/job_array.html
    JOB_COMPLETION_INDEX     Kubernetes, indexed jobs: from 0; no variable has the number of jobs
                             https://kubernetes.io/docs/concepts/workloads/controllers/job/
    CI_NODE_INDEX            GitLab, `parallel`: from 1
                             https://docs.gitlab.com/ci/variables/predefined_variables/

Pure: the environment is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rustbed.errors import UsageError

AUTO = "auto"
_EXAMPLE = "--shard 2/3 is the second of three"


@dataclass(frozen=True, kw_only=True)
class _Scheduler:
    """How a scheduler numbers the jobs of an array."""

    name: str
    # variables
    index: str
    # "" if it has none
    count: str
    # the first number, or the variable that has it
    first: int | str
    # the variable with the distance between numbers, "" if that is 1
    step: str = ""


_SCHEDULERS = (
    _Scheduler(
        name="Slurm",
        index="SLURM_ARRAY_TASK_ID",
        count="SLURM_ARRAY_TASK_COUNT",
        first="SLURM_ARRAY_TASK_MIN",
        step="SLURM_ARRAY_TASK_STEP",
    ),
    _Scheduler(name="Kubernetes", index="JOB_COMPLETION_INDEX", count="", first=0),
    _Scheduler(name="GitLab", index="CI_NODE_INDEX", count="CI_NODE_TOTAL", first=1),
)


def find_shard(count: int | None, env: Mapping[str, str]) -> tuple[int, int]:
    """Return the number (from 1) and the count of this job, from its environment.

    `count` is the user's, None if it was not given. Raises UsageError if the
    environment has variables of no scheduler, or of several, or if number and count do not match.
    """
    found = [scheduler for scheduler in _SCHEDULERS if env.get(scheduler.index)]
    if len(found) != 1:
        names = ", ".join(scheduler.index for scheduler in found or _SCHEDULERS)
        why = f"several numbers for this job: {names}" if found else f"none of {names} is set"
        raise UsageError(f"--shard {AUTO}: {why}", example=_EXAMPLE)
    (scheduler,) = found
    total = _count(scheduler, count, env)
    number = _number(scheduler, env)
    if not 1 <= number <= total:
        raise UsageError(
            f"--shard {AUTO}: {scheduler.index}={env[scheduler.index]} is not one of {total} jobs",
            hint="jobs have to be numbered without gaps",
        )
    return number, total


def _count(scheduler: _Scheduler, count: int | None, env: Mapping[str, str]) -> int:
    known = _read(scheduler.count, env) if env.get(scheduler.count) else None
    if count is None and known is None:
        lacking = f"{scheduler.count} is not set" if scheduler.count else "no variable says it"
        raise UsageError(
            f"--shard {AUTO}: how many jobs has {scheduler.name} started? {lacking}",
            fix=f"--shard {AUTO}/N",
        )
    if count is not None and known is not None and count != known:
        raise UsageError(
            f"--shard {AUTO}/{count}: {scheduler.count}={known} says otherwise",
            hint=f"to run one part again: {_EXAMPLE}",
        )
    return count or known or 0


def _number(scheduler: _Scheduler, env: Mapping[str, str]) -> int:
    first = scheduler.first if isinstance(scheduler.first, int) else _read(scheduler.first, env)
    step = max(1, _read(scheduler.step, env)) if env.get(scheduler.step) else 1
    place, rest = divmod(_read(scheduler.index, env) - first, step)
    # 0 for a number between two numbers of the array
    return place + 1 if rest == 0 else 0


def _read(variable: str, env: Mapping[str, str]) -> int:
    text = env.get(variable, "")
    if text.isascii() and text.isdecimal():
        return int(text)
    raise UsageError(f"--shard {AUTO}: {variable} is {text!r}, not a number", example=_EXAMPLE)
