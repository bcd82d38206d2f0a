"""Every error the harness raises, in one tree.

    HarnessError
    ├── UsageError         the request is impossible: unknown name, bad option, missing path
    │   └── SpecError      a YAML file or fragment is wrong; carries file, line, key, choices
    ├── HostError          this host lacks something: a program, a version, disk space, the network
    ├── KernelError        a kernel is unavailable or unusable
    │   ├── ConfigError    Kconfig dropped options that a fragment asked for
    │   ├── BuildError     the compiler or make failed; carries the first error and the log
    │   └── MismatchError  a kernel or module is of the wrong kind: architecture, Rust, vermagic
    ├── MachineError       a machine stopped being usable; carries the name of an Outcome
    │   ├── BootError      it never became ready
    │   ├── CrashError     its kernel panicked or oopsed while we waited
    │   ├── HangError      it is alive but makes no progress
    │   ├── LostError      QEMU is gone
    │   ├── EvidenceError  the host cannot save the machine's logs: its disk is full
    │   └── DeviceError    a device written in Python failed: it raised, it is stuck, QEMU disagrees with it
    ├── ForkError          a machine cannot be forked, for the reason given; it can still be booted
    ├── SuiteError         tests that ran in the guest are red
    ├── LifeError          a driver did not survive a step of its life, or left something behind
    ├── WaitError          a wait of a test timed out, although the guest answers
    ├── CommandError       a guest command ended with a status other than the expected one
    └── MonitorError       QEMU refused a QMP command

The text of an error says what was attempted, what happened, what was last
seen, where to look and how to repeat it; the same facts are attributes.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

# set by the launcher to the name by which it was called
COMMAND_VARIABLE = "RUSTBED_COMMAND"


def suggest(command: str) -> str:
    """Return a command of rustbed that this user can type: with the launcher, or the installed script."""
    return f"{shlex.quote(os.environ.get(COMMAND_VARIABLE, 'rustbed'))} {command}"


def render_facts(headline: str, facts: Sequence[tuple[str, object]]) -> str:
    """Render a headline and indented `name  value` lines, skipping facts that are None or empty."""
    shown = [(name, str(value)) for name, value in facts if value is not None and str(value) != ""]
    width = max((len(name) for name, _ in shown), default=0)
    indent = "\n" + " " * (width + 4)
    lines = [f"  {name:<{width}}  {value.replace(chr(10), indent)}" for name, value in shown]
    return "\n".join([headline, *lines])


class HarnessError(Exception):
    """The root of all errors; never raised itself."""

    def __init__(self, headline: str, **facts: object) -> None:
        self.headline = headline
        self.facts = facts
        super().__init__(headline)

    def __str__(self) -> str:
        return render_facts(self.headline, list(self.facts.items()))


class UsageError(HarnessError):
    """The request is impossible: an unknown name, a bad option, a missing path."""


class SpecError(UsageError):
    """A spec file is wrong: `file`, `line` (1-based), `key` and `choices` tell where and how."""

    def __init__(
        self,
        problem: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        key: str | None = None,
        choices: Sequence[str] = (),
    ) -> None:
        self.file, self.line, self.key, self.choices = file, line, key, tuple(choices)
        where = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(
            f"{where}: {problem}" if where else problem,
            key=key,
            choices=", ".join(self.choices),
        )


class HostError(HarnessError):
    """The host lacks something; the text names the command that fixes it where there is one."""


class KernelError(HarnessError):
    """A kernel is unavailable or unusable."""


class ConfigError(KernelError):
    """Kconfig dropped options that a fragment asked for."""


class BuildError(KernelError):
    """A build failed: the text shows the first error and the path of the whole log."""

    # the compilers' complete output with colours, for builds of the user's own code
    printed = ""


class MismatchError(KernelError):
    """A kernel or module has the wrong architecture, version or configuration."""


class MachineError(HarnessError):
    """A machine stopped being usable; `outcome` is crash, hang, lost or error."""

    outcome = "lost"
    # for a hang: its kind, a value of rustbed.log.stuck.Hang
    hang = ""
    # bytes of the console before evidence was collected, whose answers follow; None: the whole console
    console_end: int | None = None
    # the output of the awaited command so far
    printed = b""


class BootError(MachineError):
    """A machine never became ready; its `outcome` is that of the cause, or error if QEMU refused to start."""


class CrashError(MachineError):
    """The guest's kernel panicked or oopsed while the host waited for it."""

    outcome = "crash"


class HangError(MachineError):
    """The guest is alive but makes no progress."""

    outcome = "hang"


class LostError(MachineError):
    """QEMU is gone."""


class ForkError(HarnessError):
    """A machine cannot be forked; the headline is the reason."""


class CommandError(HarnessError):
    """A guest command ended with an unexpected status; `status` and `output` are attributes."""

    def __init__(self, headline: str, *, status: int, output: str, **facts: object) -> None:
        self.status, self.output = status, output
        super().__init__(headline, status=status, output=output.rstrip("\n"), **facts)


class SyscallError(CommandError):
    """A system call in the guest failed; `errno` is the guest's number."""

    def __init__(self, headline: str, *, errno: int, **facts: object) -> None:
        self.errno = errno
        super().__init__(f"{headline}: {os.strerror(errno)}", status=1, output="", errno=errno, **facts)


class EvidenceError(MachineError):
    """The host cannot save a machine's logs because its disk is full, so that nothing is proved."""

    outcome = "error"


class DeviceError(MachineError):
    """A device written in Python failed, so that nothing was proved; `facts` has its traceback."""

    outcome = "error"


class WaitError(HarnessError):
    """A wait of a test timed out, although the guest answers."""


class SuiteError(HarnessError):
    """Tests that ran in the guest are red, or lost."""


class LifeError(HarnessError):
    """A driver failed a step that every driver must survive, or left something behind."""


class MonitorError(HarnessError):
    """QEMU refused a QMP command or the monitor is closed."""
