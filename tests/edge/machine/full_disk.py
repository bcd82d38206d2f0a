"""For test_templates.py: a session whose cache is on a small file system; prints how its machine came."""

import json
import os
import sys
from pathlib import Path

from tests.edge.machine.scene import FAKE, fake_spec

from rustbed.cache import Cache
from rustbed.forks.machines import Machines
from rustbed.host import Qemu
from rustbed.progress import ignore


def main() -> None:
    path = Path(sys.argv[1])
    env = (
        ("FAKE_QEMU", "print:Linux_version record:booted log ready wait"),
        ("FAKE_KMSG", str(path / "kmsg")),
        ("FAKE_MARKS", "200"),
    )
    qemu = Qemu(program=(sys.executable, str(FAKE)), env=env, version=(11, 1, 3))
    with (
        Machines(Cache(path / "cache"), ignore) as machines,
        machines.machine(fake_spec(path), qemu, path / "run") as vm,
    ):
        vm.check("true")
    left = [name for _, _, names in os.walk(path / "cache/templates") for name in names]
    sys.stdout.write(json.dumps({"how": list(machines.counts), "left": left}))


main()
