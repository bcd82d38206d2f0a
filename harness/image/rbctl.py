"""Compiling rbctl, the guest's program for what a shell cannot do.

Owns the compiler's command line. The C library is the nolibc of a kernel's
own tree, on that kernel's exported headers, so that every architecture with a
kernel has one; which tree it is does not matter to the program, as long as
there is one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import BuildError, UsageError
from rustbed.kernel.make import render_make
from rustbed.process import ProgramError
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Bind, Toolchain

KIND = "rbctl"
HEADERS_KIND = "uapi"

_NOLIBC = Path("tools", "include", "nolibc")
# nothing sets up stack protection or unwinds without a libc; -s and what follows is for equal bytes
_FLAGS = (
    *("-Os", "-std=gnu11", "-Wall", "-static", "-s", "-nostdlib", "-nostdinc", "-ffreestanding"),
    *("-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-fno-ident"),
    *("-fuse-ld=lld", "-Wl,--build-id=none"),
)


def hash_sources(sources: Path) -> str:
    """Return what identifies rbctl's sources."""
    files = sorted(sources.glob("*.[ch]"))
    if not files:
        raise UsageError(f"there are no C sources in {sources}")
    return caching.hash_text(*(part for file in files for part in (file.name, file.read_text())))


def has_nolibc(kernel_source: Path) -> bool:
    """Say whether rbctl can be compiled with a kernel tree: one of mere headers will not do."""
    return (kernel_source / _NOLIBC / "nolibc.h").is_file() and (kernel_source / "Makefile").is_file()


def hash_nolibc(kernel_source: Path) -> str:
    """Return what identifies the nolibc and the exported headers of a kernel tree.

    The headers are identified by the tree's version: they are the part of the
    kernel that never changes under a program.
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


def rbctl_key(sources: Path, arch: Arch, kernel_source: Path, toolchain: Toolchain) -> str:
    """Return the key of the program that `build_rbctl` would make."""
    return caching.hash_text(
        *(arch.name, arch.triple, arch.kernel_arch, toolchain.identity),
        *(hash_sources(sources), hash_nolibc(kernel_source), *_FLAGS),
    )


def build_rbctl(
    sources: Path, arch: Arch, kernel_source: Path, *, toolchain: Toolchain, cache: Cache, report: Report
) -> Path:
    """Return the program for an architecture, compiled if it is not in the cache.

    `kernel_source` is any kernel tree; it is only read. Raises BuildError.
    """
    key = rbctl_key(sources, arch, kernel_source, toolchain)

    def fill(directory: Path) -> Facts:
        headers = _build_headers(arch, kernel_source, toolchain, cache, report)
        _compile(sources, arch, (kernel_source / _NOLIBC, headers), directory, toolchain)
        return {"arch": arch.name}

    cache.publish(KIND, key, fill)
    return cache.path(KIND, key) / "rbctl"


def _compile(sources: Path, arch: Arch, includes: tuple[Path, Path], to: Path, toolchain: Toolchain) -> None:
    read_only: list[Bind] = [*zip(includes, ("/src", "/build"), strict=True), (sources, "/module")]
    argv = [
        *("clang", f"--target={arch.triple}", *_FLAGS, "-o", f"{toolchain.seen(to, '/work')}/rbctl"),
        *(f"-I{toolchain.seen(host, inside)}" for host, inside in read_only),
        *(file.name for file in sorted(sources.glob("*.c"))),
    ]
    cwd = toolchain.seen(sources, "/module")
    command = toolchain.command(argv, binds=[(to, "/work")], read_only=read_only, cwd=cwd)
    _run(command, f"compiling rbctl for {arch}")


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
        _run(command, f"exporting the kernel's headers for {arch}")
        (build / "usr" / "include").rename(directory / "include")
        caching.remove_tree(build)
        report(Progress(what=what, finished=True))
        return {"arch": arch.name}

    cache.publish(HEADERS_KIND, key, fill)
    return cache.path(HEADERS_KIND, key) / "include"


def _run(command: list[str], attempted: str) -> None:
    try:
        process.run(command, attempted=attempted, timeout_s=None)
    except ProgramError as error:
        raise BuildError(f"{attempted} failed", **error.facts) from error
