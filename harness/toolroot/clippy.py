"""Clippy, the compiler that lints: of the very version that the toolchain's rustc has.

It is not in the toolroot, which every build needs: those who lint get it when they first do.
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
# where programs in the toolroot see the package
_SEEN = "/work"


@dataclass(frozen=True, kw_only=True)
class Clippy:
    """A clippy-driver, for make's programs."""

    # as they see it
    program: str
    # what they must see for that
    binds: tuple[Bind, ...]
    # Debian's; "" of the host's
    version: str


def find_clippy(toolchain: Toolchain, cache: Cache, report: Report) -> Clippy:
    """Return the clippy that belongs to a toolchain; the toolroot's is fetched once, 4 MB.

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
        # it loads the library that rustc is made of, whose name has a hash of its version
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
