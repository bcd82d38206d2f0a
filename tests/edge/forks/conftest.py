"""A program with threads that stands in for QEMU, with the library in it that lets it copy itself."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rustbed import process
from rustbed.cache import Cache
from rustbed.forks.hot.copied import CopiedProcess
from rustbed.forks.hot.copier import Copier, end, find_descriptors, open_control
from rustbed.forks.hot.shim import build_shim
from rustbed.machine.starting import identify, preload
from rustbed.toolroot.library import HOST

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Program:
    """One that runs."""

    pid: int
    copier: Copier
    control: socket.socket
    shell: socket.socket
    child: process.Child | CopiedProcess
    # of a copy: its threads, by the numbers that the first program had for them
    threads: Mapping[int, int]

    def say(self, line: str) -> str:
        self.shell.sendall(f"{line}\n".encode())
        self.shell.settimeout(120)
        return self.shell.recv(256).decode().rstrip("\n")

    @contextmanager
    def copied(self) -> Iterator[Program]:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                copied = self.copier.copy({"shell": theirs.fileno()})
            copier = Copier(copied.control, find_descriptors(copied.process.pid, copied.ends))
            try:
                copier.require_ready(20)
                yield Program(
                    pid=copied.process.pid,
                    copier=copier,
                    control=copied.control,
                    shell=ours,
                    child=copied.process,
                    threads=copied.threads,
                )
            finally:
                end(copied.process)
                copied.control.close()


Start = Callable[..., Program]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"no copies on {platform.machine()}")
    return build_shim(Cache(tmp_path_factory.mktemp("cache")), HOST)


def compile_standin(directory: Path, *options: str) -> Path:
    """Return the program; where the library can be compiled, so can it."""
    program = directory / "standin"
    source = str(HERE / "standin.c")
    subprocess.run(
        ["cc", "-O1", "-Wall", "-pthread", "-rdynamic", "-o", program, source, *options], check=True
    )
    return program


def compile_sandboxed(directory: Path, *options: str) -> Path:
    """Return the program with a sandbox to load, from a library of its own, as QEMU has it."""
    library = directory / "libraries.so"
    source = HERE / "libraries.c"
    subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", *options, "-o", library, source], check=True)
    return compile_standin(directory, "-Wl,--no-as-needed", str(library))


@pytest.fixture(scope="session")
def standin(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_standin(tmp_path_factory.mktemp("standin"))


@pytest.fixture
def start(standin: Path, shim: Path, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the program; it ends with the test."""
    with ExitStack() as stack:

        def started(
            program: Path = standin,
            shim: Path = shim,
            env: Mapping[str, str] | None = None,
            ready: bool = True,
        ) -> Program:
            control, theirs = open_control()
            shell, its = socket.socketpair()
            stack.enter_context(shell)
            with theirs, its:
                ends = {"control": identify(theirs.fileno()), "shell": identify(its.fileno())}
                child = stack.enter_context(
                    process.start(
                        preload([str(program), str(its.fileno())], shim, theirs.fileno()),
                        pass_fds=[theirs.fileno(), its.fileno()],
                        cwd=tmp_path,
                        env=env,
                    )
                )
            stack.enter_context(control)
            copier = Copier(control, find_descriptors(child.pid, ends))
            if ready:
                copier.require_ready(20)
            return Program(
                pid=child.pid, copier=copier, control=control, shell=shell, child=child, threads={}
            )

        yield started


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are wanted
