"""Machines of a session that are copies of one that runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from rustbed import Vm
from rustbed.forks.counts import COPIED
from rustbed.forks.machines import Machines
from rustbed.prepare import Platform

# starts a machine of a test run: `start(from_boot=False, **fields_of_its_hardware)`
Start = Callable[..., AbstractContextManager[Vm]]


class Copies:
    """Machines of a session whose server runs."""

    def __init__(self, machines: Machines, platform: Platform, path: Path, cpus: int) -> None:
        self.machines = machines
        self._platform = platform
        self._spec = replace(platform, cpus=cpus).spec()
        self._path = path
        self._number = 0

    def next(self, stack: ExitStack) -> Vm:
        self._number += 1
        directory = self._path / str(self._number)
        return stack.enter_context(self.machines.machine(self._spec, self._platform.qemu, directory))

    def copy(self, stack: ExitStack) -> Vm:
        """Return a machine that is a copy."""
        before = self.machines.counts[COPIED]
        vm = self.next(stack)
        assert self.machines.counts[COPIED] == before + 1, dict(self.machines.counts)
        return vm

    @property
    def server_pid(self) -> int:
        (owned,) = self.machines.servers.pids
        return owned
