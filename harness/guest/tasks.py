"""The guest's tasks, as its /proc lists them; pure.

Owns the query for the second shell and the parsing of its answer: which
tasks belong to the running command, and what they do.
"""

from __future__ import annotations

from dataclasses import dataclass

# prints the asking shell's pid, then each task's wchan and stat; builtins only, so that it needs no fork
QUERY = (
    "echo $$; for p in /proc/[0-9]*; do w=; read -r w <$p/wchan;"
    ' read -r s <$p/stat && echo "${w:-0} $s"; done'
)

# what the process calls itself that runs rbctl's commands: images/rbctl/agent.c
AGENT = "rbctl-agent"

# /proc counts processor time in this many ticks a second (USER_HZ), on every architecture that is tested
_TICKS = 100


@dataclass(frozen=True, kw_only=True)
class Task:
    """One process of the guest."""

    pid: int
    parent: int
    name: str
    # R runs or wants to, S sleeps, D sleeps and cannot be woken by a signal
    state: str
    # the kernel function it sleeps in, "0" if it does not or the kernel does not tell
    waits_in: str
    # seconds of processor time so far
    user_s: float
    system_s: float


@dataclass(frozen=True, kw_only=True)
class TaskList:
    """All processes at one moment."""

    tasks: tuple[Task, ...]
    # of the shell that answered
    asked: int


def parse_tasks(answer: str) -> TaskList:
    """Parse the answer to QUERY; lines that tell of no task (it went meanwhile) are skipped."""
    first, _, rest = answer.strip().partition("\n")
    found = (_parse_task(line) for line in rest.splitlines())
    return TaskList(
        tasks=tuple(task for task in found if task is not None),
        asked=int(first) if first.strip().isdecimal() else 0,
    )


def _parse_task(line: str) -> Task | None:
    """Parse `WCHAN PID (NAME) STATE PARENT ...`, proc_pid_stat(5) behind the first word."""
    head, opening, rest = line.partition("(")
    name, closing, tail = rest.rpartition(")")
    front, fields = head.split(), tail.split()
    if not opening or not closing or len(front) != 2 or len(fields) < 13:
        return None
    try:
        return Task(
            pid=int(front[1]),
            parent=int(fields[1]),
            name=name,
            state=fields[0],
            waits_in=front[0],
            user_s=int(fields[11]) / _TICKS,
            system_s=int(fields[12]) / _TICKS,
        )
    except ValueError:
        return None


def command_tasks(found: TaskList) -> tuple[Task, ...]:
    """Return the tasks of the command that the guest's shell runs, parents first.

    The shell is init's first child of that name, not counting the one that was asked: what a
    command leaves in the background becomes init's child too, but later.
    """
    shells = [t.pid for t in found.tasks if t.parent == 1 and t.name == "sh" and t.pid != found.asked]
    if not shells:
        return ()
    family, mine = {min(shells)}, []
    # a child's pid is larger than its parent's, unless pids have wrapped around
    for task in sorted(found.tasks, key=lambda task: task.pid):
        if task.parent in family:
            family.add(task.pid)
            # the agent itself only waits for its child
            if task.name != AGENT:
                mine.append(task)
    return tuple(mine)
