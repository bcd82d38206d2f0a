"""Machines of a session that are copies of one that runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from platform import machine

import pytest

from rustbed import Vm
from rustbed.cache import Cache
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.key import template_key
from rustbed.forks.machines import Machines
from rustbed.forks.template import KIND
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.prepare import Platform
from rustbed.progress import ignore

# of hosts that copies can be made on: forks/hot/shim/host.h
_HOSTS = ("x86_64", "aarch64")

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


def require_copies(platform: Platform) -> None:
    """Skip a test where QEMU cannot be copied, though that was asked for, and under KVM."""
    if platform.accel != "tcg":
        pytest.skip("KVM's machines are not copied")
    if why := platform.qemu.uncopyable:
        # a library that does not compile here is no reason to test nothing
        assert platform.packed is not None or machine() not in _HOSTS, why
        pytest.skip(why)


def copy_template(cache: Cache, spec: MachineSpec, qemu: Qemu, path: Path) -> Cache:
    """Return a cache below `path` that has the template of a machine, which a busy host boots once only."""
    with Machines(cache, ignore) as machines:
        machines.foretell = lambda: None
        with machines.machine(spec, qemu, path / "template"):
            assert machines.counts == {FORKED: 1}
    own, key = Cache(path / "cache"), template_key(spec, qemu)
    own.path(KIND, key).parent.mkdir(parents=True)
    copied = ["cp", "-r", "--sparse=always", str(cache.path(KIND, key)), str(own.path(KIND, key))]
    subprocess.run(copied, check=True)
    return own
