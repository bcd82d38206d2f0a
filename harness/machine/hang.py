"""Which kind of hang it is: from what was observed, by rules; pure.

Knows nothing of how anything is observed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.guest.tasks import Task
from rustbed.log.demangle import demangle
from rustbed.log.stuck import Hang
from rustbed.procfs import CpuTime

# seconds since the command's last byte within which it counts as making progress
_OUTPUT_S = 2.0
# part of the time from which on a virtual CPU counts as busy: an idle one wants nearly nothing
_BUSY = 0.5
# a guest that got this many seconds of processor time could have answered, however long they took
_ENOUGH_S = 0.3
# a QEMU that waited this many times as long as it ran got less than a quarter of what it wanted ...
_STARVED = 3.0
# ... and wanted it for so large a part of the time, and so many seconds, that it was not idle
_WANTED, _LONG_S = 0.5, 2.0
# query-status: the machine is there and not ours to let go on
_DIED = frozenset({"guest-panicked", "internal-error", "shutdown"})


@dataclass(frozen=True, kw_only=True)
class Vcpu:
    """What one virtual CPU did while it was looked at."""

    index: int
    time: CpuTime
    # program counters, hexadecimal, oldest first
    pcs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What one task of the command did while it was looked at."""

    task: Task
    # seconds of the guest's processor time meanwhile
    used_s: float
    # whether it was started meanwhile
    new: bool = False


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of a machine that did not answer in time; None stands for what could not be asked."""

    # state letter of QEMU's process
    qemu_state: str
    # what QMP's query-status says; None: the monitor does not answer
    run_state: str | None
    # seconds that the machine was looked at
    window_s: float
    vcpus: tuple[Vcpu, ...]
    # QEMU's time since the command began, of a user space that does not answer since it was asked;
    # and seconds since then
    time: CpuTime
    elapsed_s: float
    # whether user space answered, on its second way in
    user_space: bool | None
    # whether the kernel answered to a break on the console
    kernel: bool | None
    # those of the command
    tasks: tuple[Activity, ...] = ()
    # seconds since the command's last byte of output
    quiet_s: float = math.inf
    # seconds that the command might take
    limit_s: float = math.inf


def is_starved(time: CpuTime, elapsed_s: float, *, enough_s: float = _ENOUGH_S) -> bool:
    """Whether a QEMU got too little time of the host to be blamed for anything.

    One that ran for `enough_s` could have done what it was asked for; the default is for an answer.
    """
    waited = time.waited_s > max(_STARVED * time.ran_s, _WANTED * elapsed_s, _LONG_S)
    return waited and time.ran_s < enough_s


def is_asleep(seen: Observation) -> bool:
    """Whether the command waits for something that more of the host's time would not bring.

    A guest that answered twice had time for a task that only had to be woken.
    """
    # one that is ready to run and gets no time has used nothing either
    ready = any(activity.new or activity.used_s > 0 or activity.task.state == "R" for activity in seen.tasks)
    return bool(seen.user_space and seen.tasks) and not ready and not _is_talking(seen)


def is_busy(vcpu: Vcpu, window_s: float) -> bool:
    """Whether a virtual CPU ran, or would have if the host had let it."""
    return vcpu.time.ran_s + vcpu.time.waited_s >= _BUSY * window_s > 0


def _host(seen: Observation) -> str:
    """Return why the host is to blame; empty if it is not."""
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
    """Return the kind of hang, and one line of why."""
    if host := _host(seen):
        # of a command that works, it is for the reader to say whether it would ever have come to an end
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
        return Hang.BUSY, "; ".join(_render_working(activity, seen.window_s) for activity in working)
    if _is_talking(seen):
        return Hang.BUSY, "its output still grows"
    # what was started last is what the others wait for
    return Hang.STUCK, _render_stuck(seen.tasks[-1].task) if seen.tasks else "the guest's shell itself"


def _render_working(activity: Activity, window_s: float) -> str:
    task = activity.task
    if activity.new:
        return f"{task.name} ({task.pid}) was just started"
    return f"{task.name} ({task.pid}) used {activity.used_s:.2f} s of the last {window_s:.2f} s"


def _render_stuck(task: Task) -> str:
    how = {"D": "sleeps uninterruptibly", "S": "sleeps", "T": "is stopped", "Z": "is a zombie"}
    where = f" in {demangle(task.waits_in)}" if task.waits_in != "0" else ""
    return f"{task.name} ({task.pid}) {how.get(task.state, f'is in state {task.state}')}{where}"


def _render_vcpus(busy: Sequence[Vcpu]) -> str:
    return ", ".join(
        f"CPU {vcpu.index} is busy" + (f" at {', '.join(dict.fromkeys(vcpu.pcs))}" if vcpu.pcs else "")
        for vcpu in busy
    )
