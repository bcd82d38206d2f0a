"""Compiling the library that lets a QEMU copy itself.

Owns the compiler's command line. The library has to fit the C library that
QEMU runs with: a toolroot's QEMU gets one compiled in the toolroot, the host's
own QEMU one compiled by the host's compiler.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.errors import ForkError, HostError
from rustbed.toolroot.toolchain import Toolchain

KIND = "shims"
LIBRARY = "shim.so"

_SOURCES = Path(__file__).resolve().parent / "shim"
_FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")
_HOST_COMPILERS = ("cc", "gcc", "clang")

# the host's own programs, whatever they are
HOST = Toolchain(root=None, versions=(), identity="host")


def build_shim(cache: Cache, toolchain: Toolchain) -> Path:
    """Return the library for a QEMU of this toolchain, compiled if it is not in the cache.

    Raises ForkError if this host cannot have it: shim/host.h has a section for each architecture.
    """
    compiler = _find_compiler(toolchain)
    sources = sorted(path for path in _SOURCES.iterdir() if path.suffix in (".c", ".h", ".S"))
    key = caching.hash_text(
        *(platform.machine(), toolchain.identity, _describe(compiler, toolchain), *_FLAGS),
        *(part for path in sources for part in (path.name, path.read_text())),
    )

    def fill(directory: Path) -> Facts:
        units = [path.name for path in sources if path.suffix != ".h"]
        output = f"{toolchain.seen(directory, '/work')}/{LIBRARY}"
        command = toolchain.command(
            [compiler, *_FLAGS, "-o", output, *units],
            binds=[(directory, "/work")],
            read_only=[(_SOURCES, "/module")],
            cwd=toolchain.seen(_SOURCES, "/module"),
        )
        process.run(command, attempted="compiling the library that lets QEMU copy itself")
        return {}

    try:
        cache.publish(KIND, key, fill)
    except HostError as error:
        raise ForkError(error.headline, **error.facts) from error
    return cache.path(KIND, key) / LIBRARY


def _find_compiler(toolchain: Toolchain) -> str:
    if toolchain.root is not None:
        return "clang"
    found = [name for name in _HOST_COMPILERS if shutil.which(name)]
    if not found:
        raise ForkError("QEMU cannot be copied: there is no C compiler", fix="apt-get install gcc libc6-dev")
    return found[0]


def _describe(compiler: str, toolchain: Toolchain) -> str:
    """Return what tells the host's compilers apart; a toolroot's is told by its identity."""
    path = shutil.which(compiler) if toolchain.root is None else None
    return str(Path(path).resolve()) if path else ""
