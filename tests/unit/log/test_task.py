"""Which task a report tells of."""

from __future__ import annotations

import pytest

from rustbed.log.task import Tasks, find_tasks

HEADER = "CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1"


@pytest.mark.parametrize(
    ("lines", "tasks"),
    [
        (["BUG: toy", HEADER, HEADER.replace("92", "93")], Tasks(own="", printing="sh/92")),
        # a word of a form that is not one, then one
        (["Process of toy", "Process cat (pid: 7, x)"], Tasks(own="cat/7", printing="")),
        # the first line counts, not the first form
        (["2 locks held by b c/2:", "INFO: task a:1 blocked for long"], Tasks(own="b c/2", printing="")),
        (["Read of size 8 by task sh/92", HEADER], Tasks(own="sh/92", printing="sh/92")),
        ([""], Tasks(own="", printing="")),
    ],
)
def test_the_first_line_that_names_a_task_counts(lines: list[str], tasks: Tasks) -> None:
    assert find_tasks("\n".join(lines)) == tasks
