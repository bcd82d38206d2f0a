"""A place where machines of the stand-in for QEMU come and go, and what can be seen of them from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.claims import claims
from tests.kernels import make_kernel
from tests.processes import in_session, is_running

from rustbed.cache import Cache
from rustbed.forks.machines import Machines
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.progress import ignore

FAKE = Path(__file__).parent.parent / "fakes" / "qemu.py"

BOOTS = "print:Linux_version record:booted log ready wait"
FORKS = "log ready wait"


def fake_spec(path: Path) -> MachineSpec:
    """Return a machine whose kernel and image would be in `path`."""
    kernel = make_kernel(release="7.0.0-fake", image=path / "bzImage", source="fake")
    return MachineSpec(kernel=kernel, initramfs=path / "initramfs.cpio")


@dataclass(frozen=True)
class Scene:
    """A place with a cache in it, and what has been started there."""

    path: Path
    spec: MachineSpec

    @property
    def cache(self) -> Cache:
        return Cache(self.path / "cache")

    @property
    def starts(self) -> list[str]:
        """Return boot or fork for every QEMU that was started, in order."""
        return [line.split()[0] for line in self._lines()]

    @property
    def running(self) -> list[int]:
        """Return the numbers of every QEMU that runs."""
        return [pid for pid in self._started if is_running(pid)]

    @property
    def remaining(self) -> list[int]:
        """Return the processes that are left of every QEMU that was started, the guest's among them."""
        return [pid for qemu in self._started for pid in in_session(qemu)]

    @property
    def _started(self) -> list[int]:
        return [int(line.split()[1]) for line in self._lines()]

    def _lines(self) -> list[str]:
        starts = self.path / "starts"
        return starts.read_text().splitlines() if starts.exists() else []

    def qemu(self, **env: str) -> Qemu:
        words = {
            "FAKE_QEMU": BOOTS,
            "FAKE_FORK": FORKS,
            "FAKE_KMSG": str(self.path / "kmsg"),
            "FAKE_STARTS": str(self.path / "starts"),
            **env,
        }
        return Qemu(program=(sys.executable, str(FAKE)), env=tuple(words.items()), version=(11, 1, 3))

    def session(self, **options: object) -> Machines:
        return Machines(self.cache, ignore, **options)  # type: ignore[arg-type]

    @property
    def template(self) -> Path:
        (found,) = (self.path / "cache/templates").iterdir()
        return found

    def use(self, machines: Machines, name: str, qemu: Qemu | None = None) -> str:
        """Start a machine, let it answer, and return how it came about."""
        before = dict(machines.counts)
        with machines.machine(self.spec, qemu or self.qemu(), self.path / name, slowness=0.3) as vm:
            assert vm.check("echo alive") == "alive"
        (how,) = (how for how, count in machines.counts.items() if count > before.get(how, 0))
        return how

    def leftovers(self) -> list[str]:
        """Return the names of what should not be there when no machine runs."""
        names = [path.name for path in (self.path / "cache").rglob(".*")]
        claimed = [f"claim {claim}" for claim in claims(self.path / "cache")]
        return names + [f"process {pid}" for pid in self.running] + claimed

    def start_session(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a process that starts a machine and waits."""
        words = {**dict(self.qemu().env), **env}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.edge.machine.one_machine", str(self.path)],
            env={**os.environ, **words},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
