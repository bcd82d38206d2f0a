"""The library that lets a QEMU copy itself, compiled for it."""

from __future__ import annotations

from pathlib import Path

from rustbed.cache import Cache
from rustbed.errors import ForkError, HostError
from rustbed.toolroot.library import build_library
from rustbed.toolroot.toolchain import Toolchain

KIND = "shims"

_SOURCES = Path(__file__).resolve().parent / "shim"


def build_shim(cache: Cache, toolchain: Toolchain) -> Path:
    """Return the library for a QEMU of this toolchain, compiled if it is not in the cache.

    Raises ForkError on a host architecture without a section in shim/host.h, and if it does not compile.
    """
    sources = sorted(path for path in _SOURCES.iterdir() if path.suffix in (".c", ".h", ".S"))
    try:
        return build_library(
            KIND, sources, purpose="copies of a running QEMU", toolchain=toolchain, cache=cache
        )
    except HostError as error:
        raise ForkError(error.headline, **error.facts) from error
