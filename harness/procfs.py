"""What the host's kernel knows of a process: state, age, memory, open files, the time that its threads got.

proc(5), nothing else. A process that is gone has no threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rustbed.deadline import Deadline
from rustbed.errors import HostError

# the state of a process that has ended, and whose parent has not asked how
_ZOMBIE = "Z"


@dataclass(frozen=True, kw_only=True)
class CpuTime:
    """Time of a thread, or of several, on the host's processors."""

    # seconds it ran
    ran_s: float = 0.0
    # seconds it wanted to run and had no processor; 0 where the host does not count it
    waited_s: float = 0.0

    def __sub__(self, earlier: CpuTime) -> CpuTime:
        return CpuTime(ran_s=self.ran_s - earlier.ran_s, waited_s=self.waited_s - earlier.waited_s)


def _stat(path: Path) -> list[str]:
    """Return the fields of a stat file from the third on, the state: the name before may hold spaces."""
    return path.read_text().rpartition(")")[2].split()


def process_state(pid: int) -> str:
    """Return the letter of a process's state: R, S, D, T (stopped), Z; empty if it is gone."""
    return _state(Path(f"/proc/{pid}"))


def _state(directory: Path) -> str:
    try:
        return _stat(directory / "stat")[0]
    except (OSError, IndexError):
        return ""


def is_runnable(pid: int) -> bool:
    """Whether a thread of a process runs at this moment, or waits for a processor.

    Its time does not tell: a wait is counted when it is over.
    """
    return any(_state(thread) == "R" for thread in _threads(pid).values())


def is_there(pid: int) -> bool:
    """Whether a process has this number, if only as a zombie."""
    return process_state(pid) != ""


def born(pid: int) -> int:
    """Return when a process was started, in clock ticks since the host's boot; 0 if there is none.

    A zombie is none: it has nothing any more. Numbers are used again; number and start together are not.
    """
    try:
        fields = _stat(Path(f"/proc/{pid}/stat"))
        return 0 if fields[0] == _ZOMBIE else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def memory_mib(pid: int, field: str) -> float:
    """Return memory of a process by a field of smaps_rollup, in MiB: Pss, Anonymous.

    Raises HostError if there is no such field, and OSError if there is no such process.
    """
    _, found, rest = Path(f"/proc/{pid}/smaps_rollup").read_text().partition(f"\n{field}:")
    if not found:
        raise HostError(f"smaps_rollup has no {field}")
    return int(rest.split()[0]) / 1024


def status(pid: int, field: str) -> str:
    """Return a field of a process's status file; empty if there is none. Raises OSError if it is gone."""
    _, _, rest = Path(f"/proc/{pid}/status").read_text().partition(f"\n{field}:")
    return rest.partition("\n")[0].strip()


def descriptors(pid: int) -> dict[int, os.stat_result]:
    """Return the status of each file that a process has open, by descriptor. Raises OSError if it is gone."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # one that was closed meanwhile is left out
        with suppress(FileNotFoundError):
            found[int(link.name)] = link.stat()
    return found


def thread_times(pid: int) -> dict[int, CpuTime]:
    """Return the times of a process's threads by their numbers."""
    return {number: _thread_time(thread) for number, thread in _threads(pid).items()}


def _threads(pid: int) -> dict[int, Path]:
    """Return the directories of a process's threads by their numbers."""
    try:
        return {int(thread.name): thread for thread in Path(f"/proc/{pid}/task").iterdir()}
    except OSError:
        return {}


def _thread_time(thread: Path) -> CpuTime:
    try:
        ran_ns, waited_ns = (thread / "schedstat").read_text().split()[:2]
        return CpuTime(ran_s=int(ran_ns) / 1e9, waited_s=int(waited_ns) / 1e9)
    except (OSError, ValueError):
        pass
    try:
        # without scheduler statistics (CONFIG_SCHED_INFO): ticks, and nothing of waiting
        fields = _stat(thread / "stat")
        return CpuTime(ran_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return CpuTime()


def longest_wait(now: Mapping[int, CpuTime], before: Mapping[int, CpuTime]) -> float:
    """Return the seconds that the thread which waited longest for a processor waited for it in between."""
    waits = (time.waited_s - before.get(number, CpuTime()).waited_s for number, time in now.items())
    return max(waits, default=0.0)


def limit(pid: int, seconds: float) -> Deadline:
    """Return a deadline that counts no time for which the host gave a process no processor."""
    before = thread_times(pid)
    return Deadline.after(seconds, lambda: longest_wait(thread_times(pid), before))


def total(times: Iterable[CpuTime]) -> CpuTime:
    """Return the sum."""
    listed = list(times)
    return CpuTime(ran_s=sum(t.ran_s for t in listed), waited_s=sum(t.waited_s for t in listed))
