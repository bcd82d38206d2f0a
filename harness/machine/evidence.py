"""Evidence from a machine that does not answer, collected before it is thrown away.

Asks the host's kernel, QEMU's monitor, the guest's second shell and, by a
break on the console, the guest's kernel, each for a few seconds at most.
A source that does not answer is noted: collecting never raises.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rustbed import runfiles
from rustbed.errors import HangError, HarnessError
from rustbed.guest import tasks
from rustbed.guest.pulse import Pulse
from rustbed.machine.hang import Activity, Observation, Vcpu, classify
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import Running
from rustbed.machine.sysrq import Sysrq
from rustbed.procfs import CpuTime, process_state, thread_times, total

# seconds, stretched for emulation, that a shell or a monitor may take to answer
_ANSWER_S = 1.0
# how often the program counters are sampled, and seconds between two samples
_LOOKS, _BETWEEN_S = 3, 0.3
# sysrq keys: blocked tasks (w), backtraces of the CPUs (l), all tasks (t)
_KEYS = "wlt"
_SILENT = "the kernel says nothing; it may lack CONFIG_MAGIC_SYSRQ_SERIAL"
# sysrq key for a panic: shows the interrupted task, and flushes what the other keys made the kernel log
_CRASH = "c"
# the program counter in `info registers`, as QEMU's architectures name it
_PC = re.compile(r"\b(?:RIP|EIP|PC|pc|NIP|PSW=mask \w+ addr)\s*[= ]\s*([0-9a-f]{8,16})\b")
_CPU = re.compile(r"^CPU#(\d+)\s*$", re.MULTILINE)


def parse_pcs(registers: str) -> dict[int, str]:
    """Return the program counters in what `info registers -a` prints, by CPU."""
    parts = _CPU.split(registers)
    found = ((int(cpu), _PC.search(text)) for cpu, text in zip(parts[1::2], parts[2::2], strict=True))
    return {cpu: match[1] for cpu, match in found if match}


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A machine that does not answer, and the facts known about it so far."""

    running: Running
    monitor: Monitor
    # None: user space had not started yet
    pulse: Pulse | None
    # multiplies times that are meant for hardware virtualisation
    slowness: float
    # time.monotonic() when the command began, and the CPU times of QEMU's threads at that moment
    began: float
    before: Mapping[int, CpuTime]
    # seconds since the last byte of the command's answer
    quiet_s: float
    # the command's timeout in seconds
    limit_s: float


def diagnose(error: HangError, patient: Patient) -> None:
    """Collect the available evidence in the run's hang.log, and add the kind of hang to the error."""
    # before anything else: the questions below make the console grow
    error.facts.update(patient.running.evidence())
    error.console_end = patient.running.console_size
    # QMP commands from here on are not part of the test
    patient.monitor.observer = None
    path = patient.running.files.hang
    try:
        error.hang, why = classify(_Examination(patient).run())
        with path.open("a") as file:
            file.write(f"== {error.hang}\n{why}\n")
    except OSError as failure:
        error.facts["evidence"] = f"none: {path.name} cannot be written: {failure.strerror}"
        return
    error.headline = f"{error.headline}: {error.hang}: {why}"
    error.facts["evidence"] = path


class _Examination:
    """One examination of one machine; each finding becomes a section of a file."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._running = patient.running
        self._sysrq = Sysrq(patient.running, patient.monitor, patient.slowness)
        self._file = patient.running.files.hang.open("w", errors="replace")

    def run(self) -> Observation:
        with self._file:
            text = f"{self._running.console_size} bytes were there before it was asked for anything"
            self._write(runfiles.CONSOLE, text)
            state = process_state(self._running.child.pid)
            run_state = None if state in ("", "T", "t", "Z") else self._run_state()
            if run_state is None:
                return self._unknown(state)
            return self._observe(state, run_state)

    def _unknown(self, state: str) -> Observation:
        """Return the observation of a QEMU that does not run or whose monitor does not answer."""
        now = CpuTime()
        return Observation(
            qemu_state=state,
            run_state=None,
            window_s=0,
            vcpus=(),
            time=now,
            elapsed_s=0,
            user_space=None,
            kernel=None,
        )

    def _observe(self, state: str, run_state: str) -> Observation:
        asked_at, asked = time.monotonic(), self._spent()
        before = self._ask_tasks()
        began, threads = time.monotonic(), thread_times(self._running.child.pid)
        registers = self._look_at_registers(run_state)
        now, window_s = thread_times(self._running.child.pid), time.monotonic() - began
        vcpus = self._vcpus(threads, now, registers)
        after = self._ask_tasks() if before is not None else None
        tasks_s = time.monotonic() - asked_at
        runs = run_state == "running"
        kernel = self._press_keys(_KEYS) if runs else None
        if after is not None:
            asked_at, asked = self._patient.began, total(self._patient.before.values())
        spent, elapsed_s = self._spent() - asked, time.monotonic() - asked_at
        if runs and after is None:
            kernel = self._press_hard(kernel)
        elif runs and not kernel:
            self._ask_through_shell()
        return Observation(
            qemu_state=state,
            run_state=run_state,
            window_s=window_s,
            vcpus=vcpus,
            time=spent,
            elapsed_s=elapsed_s,
            user_space=None if self._patient.pulse is None else after is not None,
            kernel=kernel,
            tasks=self._activities(before, after),
            tasks_s=tasks_s,
            quiet_s=self._patient.quiet_s,
            limit_s=self._patient.limit_s,
        )

    def _spent(self) -> CpuTime:
        return total(thread_times(self._running.child.pid).values())

    # -- writing ---------------------------------------------------------------

    def _write(self, title: str, text: str) -> None:
        self._file.write(f"== {title}\n{text.rstrip()}\n\n")
        self._file.flush()

    @contextmanager
    def _noting(self, title: str) -> Iterator[None]:
        """Write down why a source is unavailable instead of raising."""
        try:
            yield
        except (HarnessError, OSError) as error:
            self._write(f"{title}: unavailable", str(error))

    # -- QEMU --------------------------------------------------------------------

    def _execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        return self._patient.monitor.execute(command, timeout_s=_ANSWER_S, exact=arguments)

    def _run_state(self) -> str | None:
        with self._noting("state of the machine"):
            answer = self._execute("query-status")
            state = str(answer.get("status", "")) if isinstance(answer, dict) else ""
            self._write("state of the machine", state)
            return state
        return None

    def _look_at_registers(self, run_state: str | None) -> list[str]:
        """Return several samples of the registers of all CPUs.

        Under emulation the program counter is right only while the machine is stopped.
        """
        seen: list[str] = []
        if run_state is None:
            return seen
        with self._noting("registers"):
            for look in range(_LOOKS):
                if look:
                    time.sleep(_BETWEEN_S)
                if run_state == "running":
                    self._execute("stop")
                try:
                    answer = self._execute("human-monitor-command", {"command-line": "info registers -a"})
                finally:
                    if run_state == "running":
                        self._execute("cont")
                seen.append(str(answer).replace("\r\n", "\n"))
                self._write(f"registers, look {look + 1} of {_LOOKS}", seen[-1])
        return seen

    def _vcpus(
        self, before: Mapping[int, CpuTime], after: Mapping[int, CpuTime], registers: list[str]
    ) -> tuple[Vcpu, ...]:
        pcs = [parse_pcs(text) for text in registers]
        found: list[Vcpu] = []
        with self._noting("virtual CPUs"):
            answer = self._execute("query-cpus-fast")
            for row in answer if isinstance(answer, list) else ():
                index, thread = int(row["cpu-index"]), self._running.thread(int(row["thread-id"]))
                spent = after.get(thread, CpuTime()) - before.get(thread, CpuTime())
                at = tuple(look[index] for look in pcs if index in look)
                found.append(Vcpu(index=index, time=spent, pcs=at))
                text = f"ran {spent.ran_s:.2f} s, waited {spent.waited_s:.2f} s for a processor of the host"
                self._write(f"virtual CPU {index}", f"{text}\nat {' '.join(at)}")
        return tuple(found)

    # -- the guest's user space ----------------------------------------------------

    def _ask_tasks(self) -> tasks.TaskList | None:
        if self._patient.pulse is None:
            return None
        answer = self._patient.pulse.query(tasks.QUERY, self._patience_s)
        self._write("tasks: where each waits, and its /proc/PID/stat", answer or "user space does not answer")
        return None if answer is None else tasks.parse_tasks(answer)

    @property
    def _patience_s(self) -> float:
        return _ANSWER_S * self._patient.slowness

    @staticmethod
    def _activities(before: tasks.TaskList | None, after: tasks.TaskList | None) -> tuple[Activity, ...]:
        if before is None or after is None:
            return ()
        used = {task.pid: task.user_s + task.system_s for task in before.tasks}
        return tuple(
            Activity(
                task=task,
                used_s=task.user_s + task.system_s - used.get(task.pid, 0.0),
                new=task.pid not in used,
            )
            for task in tasks.command_tasks(after)
        )

    # -- the guest's kernel ----------------------------------------------------------

    def _press_keys(self, keys: str) -> bool | None:
        """Send sysrq keys; return whether the kernel answers, None if they cannot be sent."""
        with self._noting(f"sysrq {keys} by console"):
            answers = self._sysrq.press(keys)
            for key, text in (answers or {}).items():
                self._write(f"sysrq {key} by console", text)
            if not answers:
                why = "this QEMU's console has no input" if answers is None else _SILENT
                self._write(f"sysrq {keys} by console: unavailable", why)
            return None if answers is None else bool(answers)
        return None

    def _press_hard(self, answers: bool | None) -> bool | None:
        """Make the kernel panic or take an NMI, so that it prints all it has; return whether it answers.

        The machine is lost by that. A kernel without user space may also lack the task that prints; a panic
        prints without that task.
        """
        if answers is False:
            answers = self._press_keys(_CRASH)
        if not answers:
            with self._noting("non-maskable interrupt"):
                self._write("non-maskable interrupt", self._sysrq.interrupt() or _SILENT)
        return answers

    def _ask_through_shell(self) -> None:
        """Send the sysrq keys from the second shell, for a kernel that ignores a break on its console."""
        assert self._patient.pulse is not None
        for key in _KEYS:
            start = self._running.console_size
            answer = self._patient.pulse.query(f"echo {key} >/proc/sysrq-trigger", self._patience_s)
            text = self._sysrq.answer_since(start)
            self._write(f"sysrq {key} by the second shell", (answer or "") + text or _SILENT)
