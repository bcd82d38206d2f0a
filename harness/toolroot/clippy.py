"""Finds or fetches clippy in exactly the version of the toolchain's rustc.

It is not in the toolroot, because builds do not need it: it is fetched by the first lint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rustbed import host, process
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.progress import Report
from rustbed.toolroot.packages import fetch_package
from rustbed.toolroot.toolchain import Bind, Toolchain
from rustbed.toolroot.toolroot import BACKPORTS, parse_packages

_PROGRAM, _PACKAGE = "clippy-driver", "rust-clippy"
_STATUS = Path("var/lib/dpkg/status")
# path of the package for programs in the toolroot
_SEEN = "/work"


@dataclass(frozen=True, kw_only=True)
class Clippy:
    """A clippy-driver, for make's programs."""

    # its path for make's programs
    program: str
    # directories that must be bound for that
    binds: tuple[Bind, ...]
    # Debian's version; "" for the host's clippy
    version: str


def find_clippy(toolchain: Toolchain, cache: Cache, report: Report) -> Clippy:
    """Return the clippy for a toolchain; for the toolroot it is fetched once, 4 MB.

    Raises HostError if the host's toolchain has none, or if it cannot be fetched.
    """
    native = host.native_arch()
    if toolchain.root is None or native is None:
        return Clippy(program=process.require_program(_PROGRAM, _PACKAGE), binds=(), version="")
    package = fetch_package(
        _PACKAGE,
        native.debian_arch,
        toolchain=toolchain,
        cache=cache,
        report=report,
        # exactly this version, because it loads rustc's library, whose name has a hash of the version
        suite=BACKPORTS,
        exactly=_version_of_rustc(toolchain.root),
    )
    return Clippy(
        program=f"{_SEEN}/usr/bin/{_PROGRAM}", binds=((package.root, _SEEN),), version=package.version
    )


def _version_of_rustc(root: Path) -> str:
    try:
        return parse_packages((root / _STATUS).read_text())["rustc"]
    except (OSError, KeyError) as error:
        raise HostError(f"the toolroot {root} does not say which rustc it has") from error
