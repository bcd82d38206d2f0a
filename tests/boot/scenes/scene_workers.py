"""Two classes for two workers: the last test of each waits, with a server, a machine and a copy of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rustbed import Vm
from rustbed.plugin.stash import MACHINES


# classes and --dist loadscope, since xdist_group has no effect with pytest 9.2:
# https://github.com/pytest-dev/pytest-xdist/issues/1386
class TestFirst:
    # fewer would be forks of the saved machine
    @pytest.mark.parametrize("number", range(5))
    def test_before(self, vm: Vm, number: int) -> None:
        vm.check("echo alive")

    def test_waits(self, vm: Vm, request: pytest.FixtureRequest) -> None:
        with vm.fork() as twin:
            twin.check("echo alive")
            (server,) = request.config.stash[MACHINES].servers.pids
            pids = os.getpid(), server, vm.live.qemu_pid, twin.live.qemu_pid
            ready = Path(os.environ["SCENE_READY"], os.environ["PYTEST_XDIST_WORKER"])
            # a reader sees the whole file or none
            new = ready.with_suffix(".new")
            new.write_text(" ".join(map(str, pids)))
            new.rename(ready)
            time.sleep(600)


class TestSecond(TestFirst):
    """The same for the other worker."""
