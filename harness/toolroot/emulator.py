"""The QEMU for an architecture: the toolroot's, or Debian's package, which is fetched when first needed.

The toolroot has the QEMUs of tier 1 only, so that a new architecture
does not require a new toolroot, and with it new kernels, of all users.
"""

from __future__ import annotations

from pathlib import Path

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.host import native_arch
from rustbed.progress import Report
from rustbed.toolroot.packages import fetch_package, find_whole
from rustbed.toolroot.toolchain import Toolchain, version_key
from rustbed.toolroot.toolroot import BACKPORTS

# the suite of the toolroot's QEMUs, so that all machines have the same version
SUITE = BACKPORTS


def find_qemu_root(arch: Arch, toolroot: Path | None, cache: Cache) -> Path | None:
    """Return the root with an architecture's QEMU, None if it must be fetched first."""
    if toolroot is not None and (toolroot / "usr/bin" / f"qemu-system-{arch.qemu}").exists():
        return toolroot
    native = native_arch()
    return None if native is None else find_whole(arch.qemu_package, native.debian_arch, SUITE, cache)


def known_version(root: Path, toolchain: Toolchain) -> tuple[int, ...] | None:
    """Return the version of the QEMUs in a root if that is the toolroot, which was asked when it was made."""
    version = toolchain.version("qemu") if root == toolchain.root else None
    return None if version is None else version_key(version)


def require_qemu_root(arch: Arch, toolchain: Toolchain, cache: Cache, report: Report) -> Path:
    """Return the root with an architecture's QEMU, fetched if it is not in the cache.

    `toolchain` does the fetching. Raises HostError if that fails.
    """
    if found := find_qemu_root(arch, toolchain.root, cache):
        return found
    native = native_arch()
    if native is None:
        raise HostError("there are no packages for this host's architecture", fix="--qemu PATH")
    return fetch_package(
        arch.qemu_package,
        native.debian_arch,
        toolchain=toolchain,
        cache=cache,
        report=report,
        suite=SUITE,
        with_dependencies=True,
    ).root
