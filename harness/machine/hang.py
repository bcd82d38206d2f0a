"""Classifies a hang by rules, from an observation; pure.

Does not know how an observation is made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.guest.tasks import Task
from rustbed.log.demangle import demangle
from rustbed.log.stuck import Hang
from rustbed.procfs import CpuTime

# a command whose last byte of output is at most this many seconds old makes progress
_OUTPUT_S = 2.0
# a virtual CPU that wanted at least this part of the time is busy; an idle one wants nearly nothing
_BUSY = 0.5
# a guest that got this many seconds of CPU time could have answered
_ENOUGH_S = 0.3
# QEMU is starved if it waited for a CPU this many times as long as it ran ...
_STARVED = 3.0
# ... and was not idle: it wanted a CPU for this part of the time, and for this many seconds
_WANTED, _LONG_S = 0.5, 2.0
# states of query-status in which the machine cannot be continued
_DIED = frozenset({"guest-panicked", "internal-error", "shutdown"})


@dataclass(frozen=True, kw_only=True)
class Vcpu:
    """What one virtual CPU did during the observation."""

    index: int
    time: CpuTime
    # program counters, hexadecimal, oldest first
    pcs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What one task of the command did during the observation."""

    task: Task
    # seconds of CPU time that it used, by the guest's clock
    used_s: float
    # whether it was started during the observation
    new: bool = False


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Facts about a machine that did not answer in time; None stands for an unknown one."""

    # state letter of QEMU's process
    qemu_state: str
    # state by QMP's query-status; None: the monitor does not answer
    run_state: str | None
    # length of the observation in seconds
    window_s: float
    vcpus: tuple[Vcpu, ...]
    # QEMU's CPU time, and seconds, since the command began; if user space does not answer, since it was asked
    time: CpuTime
    elapsed_s: float
    # whether user space answered on the second shell
    user_space: bool | None
    # whether the kernel answered to a break on the console
    kernel: bool | None
    # tasks of the command
    tasks: tuple[Activity, ...] = ()
    # seconds between the two looks at the tasks, longer than the window: the guest takes its time to answer
    tasks_s: float = 0.0
    # seconds since the command's last byte of output
    quiet_s: float = math.inf
    # the command's timeout in seconds
    limit_s: float = math.inf


def is_starved(time: CpuTime, elapsed_s: float, *, enough_s: float = _ENOUGH_S) -> bool:
    """Whether QEMU got so little CPU time from the host that the host is to blame.

    A QEMU that ran for `enough_s` is not starved; the default is enough for an answer.
    """
    waited = time.waited_s > max(_STARVED * time.ran_s, _WANTED * elapsed_s, _LONG_S)
    return waited and time.ran_s < enough_s


def is_asleep(seen: Observation) -> bool:
    """Whether all tasks of the command sleep, so that more CPU time from the host would not help.

    A guest that answered twice has also had the time to run a task that became ready.
    """
    # a task that is ready to run but gets no CPU has used no time either
    ready = any(activity.new or activity.used_s > 0 or activity.task.state == "R" for activity in seen.tasks)
    return bool(seen.user_space and seen.tasks) and not ready and not _is_talking(seen)


def is_busy(vcpu: Vcpu, window_s: float) -> bool:
    """Whether a virtual CPU ran or waited for a CPU of the host."""
    return vcpu.time.ran_s + vcpu.time.waited_s >= _BUSY * window_s > 0


def _host(seen: Observation) -> str:
    """Return why the host is to blame, "" if it is not."""
    if seen.qemu_state in ("T", "t"):
        return "QEMU is stopped"
    if seen.run_state is None:
        return "QEMU's monitor does not answer"
    if seen.run_state not in {"running", *_DIED}:
        return f"the machine does not run: {seen.run_state}"
    enough_s = seen.limit_s if seen.user_space else _ENOUGH_S
    if is_starved(seen.time, seen.elapsed_s, enough_s=enough_s) and not is_asleep(seen):
        return f"QEMU ran for {seen.time.ran_s:.1f} s and waited {seen.time.waited_s:.1f} s for a processor"
    return ""


def _is_talking(seen: Observation) -> bool:
    return seen.quiet_s < min(_OUTPUT_S, seen.elapsed_s / 2)


def classify(seen: Observation) -> tuple[Hang, str]:
    """Return the kind of hang, and one line that says why."""
    if host := _host(seen):
        # a command that still works: the reader decides whether it would have ended
        return Hang.HOST, f"{host}; {_classify_command(seen)[1]}" if seen.tasks else host
    if seen.user_space:
        return _classify_command(seen)
    silent = "user space does not answer" if seen.user_space is not None else "user space cannot be asked"
    kernel = {None: "", True: ", the kernel does", False: ", nor does the kernel"}[seen.kernel]
    busy = [vcpu for vcpu in seen.vcpus if is_busy(vcpu, seen.window_s)]
    if seen.run_state in _DIED:
        return Hang.DEAD, f"the machine does not run: {seen.run_state}"
    if busy:
        return Hang.SPINNING, f"{_render_vcpus(busy)}; {silent}{kernel}"
    if seen.kernel:
        return Hang.STUCK, f"the kernel answers, {silent}, no virtual CPU is busy"
    return Hang.DEAD, f"no virtual CPU is busy; {silent}{kernel}"


def _classify_command(seen: Observation) -> tuple[Hang, str]:
    working = [seen_task for seen_task in seen.tasks if seen_task.new or seen_task.used_s > 0]
    if working:
        return Hang.BUSY, "; ".join(_render_working(activity, seen.tasks_s) for activity in working)
    if _is_talking(seen):
        return Hang.BUSY, "its output still grows"
    # the other tasks wait for the one that was started last
    return Hang.STUCK, _render_stuck(seen.tasks[-1].task) if seen.tasks else "the guest's shell itself"


def _render_working(activity: Activity, between_s: float) -> str:
    task = activity.task
    if activity.new:
        return f"{task.name} ({task.pid}) was just started"
    return f"{task.name} ({task.pid}) used {activity.used_s:.2f} s of the last {between_s:.2f} s"


def _render_stuck(task: Task) -> str:
    how = {"D": "sleeps uninterruptibly", "S": "sleeps", "T": "is stopped", "Z": "is a zombie"}
    where = f" in {demangle(task.waits_in)}" if task.waits_in != "0" else ""
    return f"{task.name} ({task.pid}) {how.get(task.state, f'is in state {task.state}')}{where}"


def _render_vcpus(busy: Sequence[Vcpu]) -> str:
    return ", ".join(
        f"CPU {vcpu.index} is busy" + (f" at {', '.join(dict.fromkeys(vcpu.pcs))}" if vcpu.pcs else "")
        for vcpu in busy
    )
