"""The guest's tasks, from its /proc."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from rustbed.guest.tasks import Task, command_tasks, parse_tasks

REST = "0 0 0 -1 4194304 99 0 0 0"


def line(
    pid: int, name: str, parent: int, *, state: str = "S", waits_in: str = "0", ticks: str = "1 2"
) -> str:
    return f"{waits_in} {pid} ({name}) {state} {parent} {REST} {ticks} 0 0 20 0 1 0 81177"


ANSWER = "\n".join(
    (
        "31",
        line(1, "init", 0, waits_in="do_wait"),
        line(2, "kthreadd", 0),
        line(9, "sh", 2),
        line(30, "rbctl", 1),
        line(31, "sh", 1, state="R"),
        line(33, "sh", 1, waits_in="do_wait"),
        # of the agent, two that wait and one that works
        line(34, "rbctl-agent", 33, waits_in="do_wait"),
        line(35, "rbctl-agent", 34, waits_in="pipe_read"),
        line(36, "insmod", 34),
        line(57, "sh", 33, waits_in="do_wait"),
        line(58, "a (b) c", 57, state="D", waits_in="mutex_lock", ticks="150 7"),
        # left in the background by an earlier command
        line(44, "sh", 1),
        line(45, "sleep", 44),
        "sh: can't open /proc/46/stat: no such file",
        "0 47 (short) S 33",
    )
)


def test_line_becomes_a_task() -> None:
    found = {task.pid: task for task in parse_tasks(ANSWER).tasks}
    assert found[58] == Task(
        pid=58, parent=57, name="a (b) c", state="D", waits_in="mutex_lock", user_s=1.5, system_s=0.07
    )


def test_lines_that_tell_of_no_task_are_skipped() -> None:
    assert [task.pid for task in parse_tasks(ANSWER).tasks] == [
        1,
        2,
        9,
        30,
        31,
        33,
        34,
        35,
        36,
        57,
        58,
        44,
        45,
    ]


def test_commands_tasks_are_the_shells_children_and_theirs() -> None:
    assert [task.pid for task in command_tasks(parse_tasks(ANSWER))] == [36, 57, 58]


def test_no_shell_has_no_command() -> None:
    assert command_tasks(parse_tasks("31\n" + line(31, "sh", 1))) == ()
    assert command_tasks(parse_tasks("")) == ()


@example("²")
@given(st.text())
def test_any_answer_is_read(text: str) -> None:
    command_tasks(parse_tasks(text))
