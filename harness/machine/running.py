"""A QEMU process and its channels while it runs.

Owns the names of a run's files and noticing that the machine died.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rustbed import process, procfs, runfiles
from rustbed.deadline import Deadline
from rustbed.devices.device import Served
from rustbed.errors import CrashError, LostError
from rustbed.log.record import Record, parse_console
from rustbed.procfs import CpuTime

_PANIC = re.compile(rb"Kernel panic - not syncing[^\r\n]*")
# seconds that a panicking kernel gets to finish its report
_LAST_WORDS_S = 3.0
# bytes at the console's end in which a panic is looked for, and which error texts quote from
_TAIL_BYTES = 16 * 1024
# bytes of a console that are read as records
_CONSOLE_BYTES = 4 * 1024 * 1024

# signals that a program's own faults raise
_FAULTS = frozenset(
    (
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
    )
)


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """The files of one run, all in one directory."""

    directory: Path

    @property
    def console(self) -> Path:
        """What the kernel wrote to its serial console."""
        return self.directory / runfiles.CONSOLE

    @property
    def records(self) -> Path:
        """The raw stream of /dev/kmsg."""
        return self.directory / runfiles.RECORDS

    @property
    def shell(self) -> Path:
        """Commands, what they wrote, and their statuses."""
        return self.directory / runfiles.SHELL

    @property
    def transcript(self) -> Path:
        """The same commands and QMP's, for a replay."""
        return self.directory / runfiles.TRANSCRIPT

    @property
    def machine(self) -> Path:
        """The machine's spec, as JSON."""
        return self.directory / runfiles.MACHINE

    @property
    def monitor(self) -> Path:
        """QMP commands, answers and events."""
        return self.directory / runfiles.MONITOR

    @property
    def qemu(self) -> Path:
        """QEMU's own output."""
        return self.directory / runfiles.QEMU

    @property
    def hang(self) -> Path:
        """Evidence from a machine that hung; absent if it did not hang."""
        return self.directory / runfiles.HANG

    @property
    def script(self) -> Path:
        """Starts the same machine again."""
        return self.directory / runfiles.REPEAT


def read_console(console: Path, end: int | None = None) -> tuple[Record, ...]:
    """Return the records on a console, or in its first `end` bytes; only the last ones of a very long one."""
    if not console.exists():
        return ()
    with console.open("rb") as stream:
        end = console.stat().st_size if end is None else end
        start = max(0, end - _CONSOLE_BYTES)
        stream.seek(start)
        return parse_console(stream.read(end - start).decode(errors="replace"))


class Running:
    """A started machine: its process, its host-side sockets, its files."""

    def __init__(
        self,
        child: process.Process,
        files: RunFiles,
        *,
        shell: socket.socket,
        records: socket.socket,
        pulse: socket.socket,
        console_input: int | None,
        sysrq_prefix: str = "",
        monitor: socket.socket,
        started: float,
        control: socket.socket | None = None,
        ends: Mapping[str, tuple[int, int]] | None = None,
        threads: Mapping[int, int] | None = None,
        served: Sequence[Served] = (),
    ) -> None:
        self.child = child
        self.files = files
        self.shell = shell
        self.records = records
        self.pulse = pulse
        # a descriptor whose bytes arrive on the guest's console; None if this QEMU does not support that
        self.console_input = console_input
        # what goes before a sysrq key there; empty: a break
        self.sysrq_prefix = sysrq_prefix
        self.monitor = monitor
        # the shim's socket: see `starting.Started`
        self.control = control
        self.ends = ends or {}
        self._threads = threads or {}
        #: asks this QEMU for copies; None until the first one
        self.copier: Any = None
        #: further cheap checks, each of which raises MachineError if something has failed
        self.checks: list[Callable[[], None]] = [each.check for each in served]
        #: names of the hotplugged devices that the host serves, by QEMU's ids of them
        self.served: dict[str, str] = {}
        self._console_size = 0
        # time.monotonic() just before QEMU was started
        self.started = started

    def thread(self, told: int) -> int:
        """Return the host's id of a thread, from the id that QEMU reports.

        QEMU reports the ids with which its threads were created; the threads of a copy have other ids.
        """
        return self._threads.get(told, told)

    def limit(self, seconds: float) -> Deadline:
        """Return a deadline that does not count time in which the host gave this machine no CPU."""
        return procfs.limit(self.child.pid, seconds)

    def withheld(self, before: Mapping[int, CpuTime]) -> float:
        """Return how many seconds QEMU has waited for a CPU since its threads' times were `before`."""
        return procfs.longest_wait(procfs.thread_times(self.child.pid), before)

    def console_tail(self, size: int = _TAIL_BYTES) -> bytes:
        """Return the newest bytes of the console."""
        with self.files.console.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(max(0, end - size))
            # bounded by the size seen above: during a flood the console grows as fast as it is read
            return stream.read(size)

    @property
    def console_size(self) -> int:
        """Bytes on the console so far."""
        return self.files.console.stat().st_size

    def evidence(self) -> dict[str, object]:
        """Return the facts that every error about this machine has."""
        last = self.console_tail(2048).decode(errors="replace").strip().splitlines()[-8:]
        status = self.child.poll()
        return {
            "console": "\n".join(last) or "nothing was printed",
            "qemu": "still running" if status is None else f"ended with status {status}{self._complaint()}",
            "look": self.files.directory,
            "repeat": shlex.join(("sh", str(self.files.script))),
        }

    def _complaint(self) -> str:
        text = self.files.qemu.read_text(errors="replace").strip()
        return f"\n{text[-1000:]}" if text else ""

    def panic(self) -> str | None:
        """Return the panic line if the console's end shows one."""
        match = _PANIC.search(self.console_tail())
        return match[0].decode(errors="replace") if match else None

    @contextmanager
    def watching(self, served: Served) -> Iterator[None]:
        """Check a device's server, too, during every wait while the context lasts.

        Such a wait ends with DeviceError when the server fails.
        """
        check = served.check
        self.checks.append(check)
        try:
            yield
        finally:
            self.checks.remove(check)

    @contextmanager
    def noting_served(self, served: Mapping[str, str]) -> Iterator[None]:
        """Have these devices in `served` while the context lasts."""
        self.served |= served
        try:
            yield
        finally:
            for name in served:
                del self.served[name]

    @property
    def has_failed(self) -> bool:
        """Whether QEMU ended with an error status, or crashed."""
        status = self.child.poll()
        return status is not None and (status > 0 or -status in _FAULTS)

    def watch(self) -> None:
        """Raise CrashError if the kernel panicked, LostError if QEMU is gone; cheap otherwise.

        Also raises the errors of `checks`: neither QEMU nor the guest notices that a device's server has
        failed, or that a transcript cannot be written.
        """
        for check in self.checks:
            check()
        gone = self.child.poll() is not None
        size = self.console_size
        if not gone and size == self._console_size:
            return
        self._console_size = size
        if (panic := self.panic()) is not None:
            self._let_finish()
            raise CrashError(panic, **self.evidence())
        if gone:
            raise LostError("QEMU is gone", **self.evidence())

    def _let_finish(self) -> None:
        end = time.monotonic() + _LAST_WORDS_S
        while self.child.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
