"""A row of the table of bad modules: how a module is driven, and what must be seen of it on which kernel."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from rustbed.log.splat import Kind
from rustbed.report.verdict import Outcome
from rustbed.request import MachineRequest, incapable


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a bad module leads to, on kernels that have what sees it."""

    # the option that sees it; "" where every kernel does
    needs: str = ""
    # the architecture on which it looks like this; "" for all
    arch: str = ""
    # the one on which it does not
    not_on: str = ""
    outcome: Outcome = Outcome.FAIL
    # None: nothing is logged
    kind: Kind | None
    # the title, without the function
    title: str = ""
    # the function to blame, without its crate
    function: str = ""

    def fits(self, kernel: Kernel) -> bool:
        """Whether that kernel sees it in this way."""
        name = kernel.arch.name
        return self.arch in ("", name) and self.not_on != name and (not self.needs or kernel.has(self.needs))

    def full_function(self, module: str) -> str:
        """Return the blamed function as its symbol is demangled."""
        impl = self.function.startswith("<")
        return self.function.format(crate=module) if impl else f"{module}::{self.function}"


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A module with a bug that the kernel or the harness notices by itself."""

    # its source's name
    module: str
    # the first one that fits the kernel is expected; where none does, the bug goes unseen
    seen: tuple[Seen, ...]
    # shell commands: before it is loaded, while it is, when it has gone
    before: str = ":"
    use: str = ":"
    after: str = ":"
    # what the test needs besides
    marks: tuple[pytest.MarkDecorator, ...] = ()
    # seconds for a command, on real hardware; None: as usual
    timeout_s: float | None = None

    def incapable(self, arch: Arch) -> str | None:
        """Return why that architecture's machine cannot have what the test needs, None if it can."""
        asked = MachineRequest()
        for mark in self.marks:
            if mark.name == "machine":
                asked = asked.updated(mark.kwargs)
        return incapable(asked, arch)

    def expected(self, kernel: Kernel) -> Seen | None:
        """Return what must be seen on that kernel, None if it has nothing that sees the bug."""
        return next((seen for seen in self.seen if seen.fits(kernel)), None)
