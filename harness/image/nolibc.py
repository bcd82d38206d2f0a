"""Compiles C programs for the guest with the nolibc of a kernel's own tree.

Owns the compiler's command line. Such a program only needs a kernel's exported headers and nolibc,
so it can be compiled for every architecture with a kernel. Any kernel tree with nolibc
will do.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import BuildError
from rustbed.kernel.make import render_make
from rustbed.kernel.source import parse_source, resolve_source
from rustbed.process import ProgramError
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Bind, Toolchain

HEADERS_KIND = "uapi"
# the source of nolibc for kernels without their sources
_ANY_SOURCE = "debian:latest"

_NOLIBC = Path("tools", "include", "nolibc")
# no stack protection and unwinding, which need a libc; -s and the options after it are for reproducible bytes
FLAGS = (
    *("-Os", "-std=gnu11", "-Wall", "-static", "-s", "-nostdlib", "-nostdinc", "-ffreestanding"),
    *("-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-fno-ident"),
    *("-fuse-ld=lld", "-Wl,--build-id=none"),
)


def has_nolibc(kernel_source: Path) -> bool:
    """Whether rbctl can be compiled with a kernel tree; a tree with only headers is not enough."""
    return (kernel_source / _NOLIBC / "nolibc.h").is_file() and (kernel_source / "Makefile").is_file()


def hash_nolibc(kernel_source: Path) -> str:
    """Return a key of the nolibc and the exported headers of a kernel tree.

    The tree's version is enough for the headers, because they are the
    kernel's stable interface.
    """
    directory = kernel_source / _NOLIBC
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(directory)}:{file.stat().st_size}:".encode())
        digest.update(file.read_bytes())
    return caching.hash_text(digest.hexdigest(), _version(kernel_source))


def _version(kernel_source: Path) -> str:
    makefile = (kernel_source / "Makefile").read_text(errors="replace")
    return " ".join(
        re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *=.*$", makefile, re.MULTILINE)
    )


def find_nolibc(trees: Sequence[Path | None], toolchain: Toolchain, cache: Cache, report: Report) -> Path:
    """Return the first of these kernel trees with a nolibc, else Debian's, fetched if necessary."""
    for tree in trees:
        if tree is not None and has_nolibc(tree):
            return tree
    return resolve_source(
        parse_source(_ANY_SOURCE), toolchain=toolchain, cache=cache, report=report
    ).directory


@dataclass(frozen=True, kw_only=True)
class Nolibc:
    """The compiler, nolibc and headers for programs of one architecture."""

    arch: Arch
    # a kernel's tree, and its exported headers
    source: Path
    headers: Path
    toolchain: Toolchain

    def command(
        self,
        words: Sequence[str],
        *,
        binds: Sequence[Bind] = (),
        read_only: Sequence[Bind] = (),
        cwd: str,
    ) -> list[str]:
        """Return a clang command with further arguments, whose paths are those of the toolchain."""
        includes: list[Bind] = [(self.source / _NOLIBC, "/src"), (self.headers, "/build")]
        argv = [
            *("clang", f"--target={self.arch.triple}", *FLAGS),
            *(f"-I{self.toolchain.seen(host, inside)}" for host, inside in includes),
            *words,
        ]
        return self.toolchain.command(argv, binds=binds, read_only=[*includes, *read_only], cwd=cwd)


def open_nolibc(arch: Arch, source: Path, toolchain: Toolchain, cache: Cache, report: Report) -> Nolibc:
    """Return the nolibc of a kernel tree that has one, exporting its headers if necessary."""
    headers = _build_headers(arch, source, toolchain, cache, report)
    return Nolibc(arch=arch, source=source, headers=headers, toolchain=toolchain)


def _build_headers(
    arch: Arch, kernel_source: Path, toolchain: Toolchain, cache: Cache, report: Report
) -> Path:
    """Return the directory of a kernel's exported headers (`make headers`)."""
    key = f"{arch.name}-{hash_nolibc(kernel_source)}"
    what = f"kernel headers for {arch}'s programs"

    def fill(directory: Path) -> Facts:
        report(Progress(what=what, detail="make headers"))
        build = directory / "build"
        build.mkdir()
        source_seen, build_seen = toolchain.seen(kernel_source, "/src"), toolchain.seen(build, "/build")
        jobs = os.cpu_count() or 1
        argv = render_make(["headers"], arch=arch, source=source_seen, build=build_seen, jobs=jobs)
        command = toolchain.command(argv, binds=[(build, "/build")], read_only=[(kernel_source, "/src")])
        run_compiler(command, f"exporting the kernel's headers for {arch}")
        (build / "usr" / "include").rename(directory / "include")
        caching.remove_tree(build)
        report(Progress(what=what, finished=True))
        return {"arch": arch.name}

    cache.publish(HEADERS_KIND, key, fill)
    return cache.path(HEADERS_KIND, key) / "include"


def run_compiler(command: list[str], attempted: str) -> None:
    """Run a compiler or make command. Raises BuildError."""
    try:
        process.run(command, attempted=attempted, timeout_s=None)
    except ProgramError as error:
        raise BuildError(f"{attempted} failed", **error.facts) from error
