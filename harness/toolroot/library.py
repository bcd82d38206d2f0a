"""Compiles a library that is loaded into QEMU.

Owns the compiler's command line. The library has to fit the C library that
QEMU runs with: a toolroot's QEMU gets one compiled in the toolroot, the host's
own QEMU one compiled by the host's compiler.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.errors import HostError
from rustbed.toolroot.toolchain import Toolchain

LIBRARY = "library.so"

_FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")
_HOST_COMPILERS = ("cc", "gcc", "clang")

# the host's own programs, of any version
HOST = Toolchain(root=None, versions=(), identity="host")


def build_library(
    kind: str, sources: Sequence[Path], *, purpose: str, toolchain: Toolchain, cache: Cache
) -> Path:
    """Return a library from sources in one directory, compiled if the cache has no such entry of `kind`.

    Raises HostError if there is no compiler, or if it fails; `purpose` is named in messages.
    """
    compiler = _find_compiler(toolchain, purpose)
    key = caching.hash_text(
        *(LIBRARY, platform.machine(), toolchain.identity, _describe(compiler, toolchain), *_FLAGS),
        *(part for path in sources for part in (path.name, path.read_text())),
    )
    home = sources[0].parent

    def fill(directory: Path) -> Facts:
        units = [path.name for path in sources if path.suffix != ".h"]
        output = f"{toolchain.seen(directory, '/work')}/{LIBRARY}"
        command = toolchain.command(
            [compiler, *_FLAGS, "-o", output, *units],
            binds=[(directory, "/work")],
            read_only=[(home, "/module")],
            cwd=toolchain.seen(home, "/module"),
        )
        process.run(command, attempted=f"compiling the library for {purpose}")
        return {}

    cache.publish(kind, key, fill)
    return cache.path(kind, key) / LIBRARY


def _find_compiler(toolchain: Toolchain, purpose: str) -> str:
    if toolchain.root is not None:
        return "clang"
    found = [name for name in _HOST_COMPILERS if shutil.which(name)]
    if not found:
        raise HostError(f"there is no C compiler for {purpose}", fix="apt-get install gcc libc6-dev")
    return found[0]


def _describe(compiler: str, toolchain: Toolchain) -> str:
    """Return the real path of the host's compiler, which on Debian has its version; "" in a toolroot.

    A toolroot's compiler is part of the toolroot's identity.
    """
    path = shutil.which(compiler) if toolchain.root is None else None
    return str(Path(path).resolve()) if path else ""
