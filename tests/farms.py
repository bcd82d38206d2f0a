"""A farm as a user starts it, for tests that end parts of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.processes import children, is_running, wait_until

# seconds in which all comes on a host that is slow and busy
SLOW_S = 600


@dataclass
class Up:
    """A farm that runs."""

    process: subprocess.Popen[str]
    url: str

    def engines(self, role: str) -> list[int]:
        """Return the farm's schedulers or workers."""
        return started(self.process.pid, role)


def started(parent: int, word: str) -> list[int]:
    """Return the processes that a process has started with a word in their commands, and that run."""
    found = []
    for pid in children(parent):
        # one that has ended meanwhile is none
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found += [pid] if word.encode() in words else []
    return found


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a terminal: this process may be a worker of xdist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "NO_COLOR": "1", **more}


@contextmanager
def up(workers: int, *words: str, within: Sequence[str] = (), **variables: str) -> Iterator[Up]:
    """Start a farm; `within` is a command that runs it, as on another host."""
    argv = [sys.executable, "-m", "rustbed.cli", "farm", "up", "--port", "0", "--workers", str(workers)]
    with (
        # what a farm that is killed leaves in there ends with the test; of it, engines may still write
        TemporaryDirectory(prefix="farm.", ignore_cleanup_errors=True) as scratch,
        subprocess.Popen(
            [*within, *argv, *words],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(**{"TMPDIR": scratch, **variables}),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("farm: t")
            farm = Up(process, line.split()[1].rstrip(","))
            wait_until(lambda: len(farm.engines("worker")) == workers, "workers", SLOW_S)
            _wait_for_workers(farm, workers, within, variables)
            yield farm
        finally:
            # what this leaves behind is what the tests are about
            process.kill()


# arguments: the farm's address, and a number of workers
_WAIT = """
import sys
from rustbed.farm.engine import connect
from tests.farms import SLOW_S
from tests.processes import wait_until

with connect(sys.argv[1]) as client:
    wait_until(lambda: len(client.workers()) == int(sys.argv[2]), "workers that answer", SLOW_S)
"""
# where a program that gets its text by -c finds `tests`
_ROOT = Path(__file__).parent.parent


def _wait_for_workers(farm: Up, count: int, within: Sequence[str], variables: Mapping[str, str]) -> None:
    """Wait for workers, for which a session has less patience than a busy host needs to start them."""
    argv = [*within, sys.executable, "-c", _WAIT, farm.url, str(count)]
    subprocess.run(argv, check=True, cwd=_ROOT, env=environment(**variables))


@contextmanager
def start_session(
    farm: Up, directory: Path, scene: str, *words: str, within: Sequence[str] = (), **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a session on a farm, with one file of tests; it is ended on the way out."""
    (directory / "test_scene.py").write_text(scene)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={directory}", "-q"]
    with subprocess.Popen(
        [*within, *argv, "--farm", farm.url, *words, "test_scene.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env=environment(RUSTBED_SCENE=str(directory), **variables),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_ends(pids: Iterable[int]) -> None:
    for pid in pids:
        wait_until(lambda pid=pid: not is_running(pid), f"the end of {pid}", SLOW_S)  # type: ignore[misc]
