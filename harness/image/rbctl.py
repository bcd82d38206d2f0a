"""Compiles rbctl, the guest's program for system calls and files."""

from __future__ import annotations

from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import UsageError
from rustbed.image.nolibc import FLAGS, Nolibc, hash_nolibc, open_nolibc, run_compiler
from rustbed.progress import Report
from rustbed.toolroot.toolchain import Toolchain

KIND = "rbctl"


def hash_sources(sources: Path) -> str:
    """Return a key of rbctl's sources."""
    files = sorted(sources.glob("*.[ch]"))
    if not files:
        raise UsageError(f"there are no C sources in {sources}")
    return caching.hash_text(*(part for file in files for part in (file.name, file.read_text())))


def rbctl_key(sources: Path, arch: Arch, kernel_source: Path, toolchain: Toolchain) -> str:
    """Return the key of the program that `build_rbctl` would make."""
    return caching.hash_text(
        *(arch.name, arch.triple, arch.kernel_arch, toolchain.identity),
        *(hash_sources(sources), hash_nolibc(kernel_source), *FLAGS),
    )


def build_rbctl(
    sources: Path, arch: Arch, kernel_source: Path, *, toolchain: Toolchain, cache: Cache, report: Report
) -> Path:
    """Return the program for an architecture, compiled if it is not in the cache.

    `kernel_source` is any kernel tree; it is only read. Raises BuildError.
    """
    key = rbctl_key(sources, arch, kernel_source, toolchain)

    def fill(directory: Path) -> Facts:
        _compile(sources, open_nolibc(arch, kernel_source, toolchain, cache, report), directory)
        return {"arch": arch.name}

    cache.publish(KIND, key, fill)
    return cache.path(KIND, key) / "rbctl"


def _compile(sources: Path, nolibc: Nolibc, to: Path) -> None:
    seen = nolibc.toolchain.seen
    command = nolibc.command(
        ["-o", f"{seen(to, '/work')}/rbctl", *(file.name for file in sorted(sources.glob("*.c")))],
        binds=[(to, "/work")],
        read_only=[(sources, "/module")],
        cwd=seen(sources, "/module"),
    )
    run_compiler(command, f"compiling rbctl for {nolibc.arch}")
