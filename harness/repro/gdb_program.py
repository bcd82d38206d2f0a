"""Finds a gdb for an architecture: the host's, or Debian's, which is fetched into the cache."""

from __future__ import annotations

from contextlib import suppress

from rustbed import process
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.host import native_arch, program_in
from rustbed.progress import Progress, Say
from rustbed.toolroot.packages import fetch_package
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import find_toolroot

# Debian's package and program: a gdb for all architectures; 40 MB to fetch
_NAME = "gdb-multiarch"


def find_gdb(arch: Arch, cache: Cache, say: Say) -> tuple[str, ...]:
    """Return the command of a gdb for an architecture. Debian's is fetched if this host has none.

    Raises HostError, which names the package to install, if that fails.
    """
    for name in ("gdb", _NAME) if arch == native_arch() else (_NAME,):
        with suppress(HostError):
            return (process.require_program(name),)
    return _fetched_gdb(arch, cache, say)


def _fetched_gdb(arch: Arch, cache: Cache, say: Say) -> tuple[str, ...]:
    def report(progress: Progress) -> None:
        if not progress.finished:
            say(f"  note    no gdb for {arch} here: Debian's {_NAME} is fetched into the cache, once")

    native = native_arch()
    fix = f"apt-get install {_NAME}"
    if native is None:
        raise HostError(f"there is no gdb for {arch} here", fix=fix)
    # fetched by the toolroot's apt, or by the host's without a toolroot
    toolchain = Toolchain(root=find_toolroot(cache), versions=(), identity="")
    try:
        package = fetch_package(
            _NAME,
            native.debian_arch,
            toolchain=toolchain,
            cache=cache,
            report=report,
            with_dependencies=True,
        )
    except HostError as error:
        error.facts["or"] = fix
        raise
    root = package.root
    return (
        *("env", f"PYTHONHOME={root / 'usr'}"),
        *program_in(root, _NAME),
        *("-data-directory", str(root / "usr/share/gdb")),
    )
