"""A session of its own, for test_killed.py to kill: starts a machine, says so, and waits."""

import os
import sys
import time
from pathlib import Path

from tests.edge.machine.scene import FAKE, fake_spec

from rustbed.cache import Cache
from rustbed.forks.machines import Machines
from rustbed.host import Qemu
from rustbed.progress import ignore


def main() -> None:
    path = Path(sys.argv[1])
    env = tuple((name, value) for name, value in os.environ.items() if name.startswith("FAKE_"))
    qemu = Qemu(program=(sys.executable, str(FAKE)), env=env, version=(11, 1, 3))
    run = path / f"run-{os.getpid()}"
    with (
        Machines(Cache(path / "cache"), ignore) as machines,
        machines.machine(fake_spec(path), qemu, run) as vm,
    ):
        # what a guest still does is to end with it
        vm.check("sleep 600 &")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(60)


main()
