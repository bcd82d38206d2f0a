"""What can still be had from a machine that does not answer, before it is thrown away.

Asks the host's kernel, QEMU's monitor, the guest's second shell and, by a
break on the console, the guest's kernel, each for a few seconds at most.
Whoever does not answer is noted: collecting never raises.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from harness.deadline import Deadline
from harness.errors import HangError, HarnessError
from harness.guest import tasks
from harness.guest.pulse import Pulse
from harness.machine.hang import Activity, Observation, Vcpu, classify
from harness.machine.monitor import Monitor
from harness.machine.running import Running
from harness.machine.threads import CpuTime, process_state, thread_times, total

# seconds, stretched for emulation, that a shell or a monitor may take to answer
_ANSWER_S = 1.0
# looks at the program counters, and seconds between two of them
_LOOKS, _BETWEEN_S = 3, 0.3
# seconds, stretched for emulation, until the kernel begins to answer a key, and a further one if it did not
_KEY_S, _NEXT_KEY_S = 0.5, 0.1
# seconds without a byte on the console after which an answer is over, and for which one may go on
_PAUSE_S, _REPORT_S = 0.3, 4.0
# keys of sysrq: tasks that cannot be woken, what each CPU does, all tasks
_KEYS = "wlt"
# panic: shows what was interrupted, and prints all that the other keys made the kernel say
_CRASH = "c"
# bytes of the console that are copied
_CONSOLE_BYTES = 1024 * 1024
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
    """A machine that does not answer, and what is known of it so far."""

    running: Running
    monitor: Monitor
    # None: user space was not there yet
    pulse: Pulse | None
    # multiplies what a machine with hardware virtualisation needs
    slowness: float
    # what QEMU's threads had used when the command began
    before: Mapping[int, CpuTime]
    # seconds since then
    elapsed_s: float
    # seconds since the last byte of the command's answer
    quiet_s: float


def diagnose(error: HangError, patient: Patient) -> None:
    """Collect what can be had into the run's hang.log, and let the error say which kind of hang it is."""
    # taken first: the console will end with the answers to what is asked now
    error.facts.update(patient.running.evidence())
    error.console_end = patient.running.console_size
    # what is asked from now on is no part of the test
    patient.monitor.observer = None
    error.hang, why = classify(_Examination(patient).run())
    with patient.running.files.hang.open("a") as file:
        file.write(f"== {error.hang}\n{why}\n")
    error.headline = f"{error.headline}: {error.hang}: {why}"
    error.facts["evidence"] = patient.running.files.hang


class _Examination:
    """One look at one machine; what is found becomes sections of a file."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._running = patient.running
        self._file = patient.running.files.hang.open("w", errors="replace")

    def run(self) -> Observation:
        with self._file:
            text = f"{self._running.console_size} bytes were there before it was asked for anything"
            self._write("console.log", text)
            pid = self._running.child.pid
            state = process_state(pid)
            run_state = None if state in ("", "T", "t", "Z") else self._run_state()
            before = self._ask_tasks() if run_state is not None else None
            began, threads = time.monotonic(), thread_times(pid)
            registers = self._look_at_registers(run_state)
            now, window_s = thread_times(pid), time.monotonic() - began
            vcpus = self._vcpus(threads, now, registers) if run_state is not None else ()
            after = self._ask_tasks() if before is not None else None
            user_space = after is not None if self._patient.pulse is not None else None
            kernel = self._ask_kernel(user_space=bool(user_space)) if run_state == "running" else None
            return Observation(
                qemu_state=state,
                run_state=run_state,
                window_s=window_s,
                vcpus=vcpus,
                time=total(now.values()) - total(self._patient.before.values()),
                elapsed_s=self._patient.elapsed_s,
                user_space=user_space,
                kernel=kernel,
                tasks=self._activities(before, after),
                quiet_s=self._patient.quiet_s,
            )

    # -- writing ---------------------------------------------------------------

    def _write(self, title: str, text: str) -> None:
        self._file.write(f"== {title}\n{text.rstrip()}\n\n")
        self._file.flush()

    @contextmanager
    def _noting(self, title: str) -> Iterator[None]:
        """Note what could not be had, and why."""
        try:
            yield
        except (HarnessError, OSError) as error:
            self._write(f"{title}: could not be had", str(error))

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
        """Return the registers of all CPUs, a few times apart.

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
                index, thread = int(row["cpu-index"]), int(row["thread-id"])
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
        answer = self._patient.pulse.query(tasks.QUERY, self._deadline(_ANSWER_S))
        self._write("tasks: where each waits, and its /proc/PID/stat", answer or "user space does not answer")
        return None if answer is None else tasks.parse_tasks(answer)

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline.after(seconds * self._patient.slowness)

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

    def _ask_kernel(self, *, user_space: bool) -> bool | None:
        """Let the kernel tell of its tasks and CPUs; return whether it does, None if it cannot be asked.

        A break on the console interrupts what runs, so that it is seen; through the second shell
        that shell itself is what runs. A guest in which user space is lost has nothing to lose by a
        panic, which also prints what nobody was left to print.
        """
        answers = self._press_keys(_KEYS)
        if user_space:
            if not answers:
                self._ask_through_shell()
            return answers
        if answers is False:
            answers = self._press_keys(_CRASH)
        if not answers:
            self._send_nmi()
        return answers

    def _press_keys(self, keys: str) -> bool | None:
        if self._running.console_input is None:
            self._write("sysrq by console: could not be had", "this QEMU's console has no input")
            return None
        answers = False
        with self._noting(f"sysrq {keys} by console"):
            for key in keys:
                text = self._press(key, _KEY_S if answers or key == keys[0] else _NEXT_KEY_S)
                # a kernel that does not know of breaks echoes the key
                if "sysrq" in text:
                    answers = True
                    self._write(f"sysrq {key} by console", text)
            if not answers:
                text = "the kernel says nothing; it may lack CONFIG_MAGIC_SYSRQ_SERIAL"
                self._write(f"sysrq {keys} by console: could not be had", text)
        return answers

    def _press(self, key: str, patience_s: float) -> str:
        start = self._running.console_size
        self._execute("chardev-send-break", {"id": "console"})
        assert self._running.console_input is not None
        os.write(self._running.console_input, key.encode())
        return self._console_since(start, patience_s)

    def _console_since(self, start: int, patience_s: float) -> str:
        """Return what comes on the console, once it has stopped coming."""
        size, beginning = start, self._deadline(patience_s)
        limit, pause = Deadline.after(_REPORT_S), Deadline.after(_PAUSE_S)
        while not limit.expired and (not beginning.expired if size == start else not pause.expired):
            time.sleep(0.02)
            if size != self._running.console_size:
                size, pause = self._running.console_size, Deadline.after(_PAUSE_S)
        with self._running.files.console.open("rb") as stream:
            stream.seek(start)
            return stream.read(_CONSOLE_BYTES).decode(errors="replace").replace("\r", "")

    def _ask_through_shell(self) -> None:
        assert self._patient.pulse is not None
        for key in _KEYS:
            start = self._running.console_size
            answer = self._patient.pulse.query(f"echo {key} >/proc/sysrq-trigger", self._deadline(_ANSWER_S))
            text = self._console_since(start, _KEY_S)
            if text or answer is not None:
                self._write(f"sysrq {key} by the second shell", f"{answer or ''}{text}")
            else:
                self._write(f"sysrq {key} by the second shell: could not be had", "it does not answer")

    def _send_nmi(self) -> None:
        with self._noting("non-maskable interrupt"):
            start = self._running.console_size
            self._execute("inject-nmi")
            self._write(
                "non-maskable interrupt", self._console_since(start, _KEY_S) or "the kernel said nothing"
            )
