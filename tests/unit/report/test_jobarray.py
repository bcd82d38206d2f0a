"""The number of this job, as schedulers say it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rustbed.errors import UsageError
from rustbed.report.jobarray import find_shard


def slurm(task: str, first: str = "0", count: str = "4", step: str = "1") -> dict[str, str]:
    names = ("ID", "MIN", "COUNT", "STEP")
    return {
        f"SLURM_ARRAY_TASK_{name}": text for name, text in zip(names, (task, first, count, step), strict=True)
    }


GITLAB = {"CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "4"}


@pytest.mark.parametrize(
    ("env", "count", "expected"),
    [
        # numbered as their user likes: --array=0-3, --array=1-4, --array=10-40:10
        (slurm("0"), None, (1, 4)),
        (slurm("4", first="1"), None, (4, 4)),
        (slurm("30", first="10", step="10"), None, (3, 4)),
        (slurm("3"), 4, (4, 4)),
        # older Slurms do not tell the step
        ({name: text for name, text in slurm("3").items() if not name.endswith("STEP")}, None, (4, 4)),
        # Kubernetes counts from 0, GitLab from 1
        ({"JOB_COMPLETION_INDEX": "0"}, 3, (1, 3)),
        ({"JOB_COMPLETION_INDEX": "2"}, 3, (3, 3)),
        (GITLAB, None, (4, 4)),
        # of each job of GitLab's, and no number
        ({"JOB_COMPLETION_INDEX": "2", "CI_NODE_TOTAL": "1"}, 3, (3, 3)),
    ],
)
def test_number_and_count_are_those_of_the_scheduler(
    env: Mapping[str, str], count: int | None, expected: tuple[int, int]
) -> None:
    assert find_shard(count, env) == expected


@pytest.mark.parametrize(
    ("env", "count", "message"),
    [
        ({}, None, "none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, CI_NODE_INDEX is set"),
        ({"CI_NODE_TOTAL": "1"}, None, "is set"),
        (
            slurm("1") | GITLAB,
            None,
            "several numbers for this job: SLURM_ARRAY_TASK_ID, CI_NODE_INDEX",
        ),
        ({"JOB_COMPLETION_INDEX": "0"}, None, "how many jobs has Kubernetes started"),
        ({"CI_NODE_INDEX": "1"}, None, "CI_NODE_TOTAL is not set"),
        ({"SLURM_ARRAY_TASK_ID": "1"}, 2, "SLURM_ARRAY_TASK_MIN is '', not a number"),
        ({"JOB_COMPLETION_INDEX": "3"}, 3, "JOB_COMPLETION_INDEX=3 is not one of 3 jobs"),
        ({"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "2"}, None, "CI_NODE_INDEX=0 is not one of 2 jobs"),
        ({"CI_NODE_INDEX": "x", "CI_NODE_TOTAL": "2"}, None, "CI_NODE_INDEX is 'x', not a number"),
        ({"JOB_COMPLETION_INDEX": "-1"}, 2, "JOB_COMPLETION_INDEX is '-1', not a number"),
        # --array=1,2,7: numbers with a gap
        (slurm("7", first="1", count="3"), None, "SLURM_ARRAY_TASK_ID=7 is not one of 3 jobs"),
        (slurm("15", first="10", step="10"), None, "SLURM_ARRAY_TASK_ID=15 is not one of 4 jobs"),
        # a part that is run again is an array of one
        (slurm("2", first="2", count="1"), 4, "SLURM_ARRAY_TASK_COUNT=1 says otherwise"),
    ],
)
def test_what_does_not_go_together_is_refused(
    env: Mapping[str, str], count: int | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_shard(count, env)
