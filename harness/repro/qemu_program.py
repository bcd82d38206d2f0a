"""The QEMU to reproduce with: one that is here, else Debian's, fetched alone if the user wants that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rustbed import host
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import HostError, suggest
from rustbed.host import Qemu
from rustbed.progress import ignore
from rustbed.toolroot.packages import fetch_package
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import find_toolroot

# whether the user wants what a question offers
Ask = Callable[[str], bool]


def find_emulator(arch: Arch, chosen: Path | None, cache: Cache, ask: Ask = lambda question: False) -> Qemu:
    """Return the QEMU to reproduce with: the one chosen, else the toolroot's if there is one, else PATH's.

    Where there is none that will do, `ask` is whether Debian's is to be fetched into the cache: for one
    architecture, without the rest of a toolroot. Raises HostError if there is none and that is not wanted.
    """
    root = None if chosen is not None else find_toolroot(cache)
    try:
        return host.find_qemu(arch, toolroot=root, chosen=chosen)
    except HostError as error:
        if chosen is None and root is None:
            offer = f"fetch Debian's {arch.qemu_package}, some 100 MB, into {cache.root}?"
            if ask(f"{error.headline}; {offer}"):
                return _fetch(arch, cache)
            error.facts["fix"] = f"--yes: Debian's {arch.qemu_package} is fetched into the cache"
        error.facts["or"] = f"--qemu PATH, or {suggest('build')}: its toolroot has QEMU"
        raise


def _fetch(arch: Arch, cache: Cache) -> Qemu:
    """Return Debian's QEMU, which runs from the cache whatever the host has. Raises HostError."""
    native = host.native_arch()
    if native is None:
        raise HostError("there are no packages for this host's architecture", fix="--qemu PATH")
    package = fetch_package(
        arch.qemu_package,
        native.debian_arch,
        # fetched by the host's apt
        toolchain=Toolchain(root=None, versions=(), identity=""),
        cache=cache,
        report=ignore,
        with_dependencies=True,
    )
    return host.find_qemu(arch, toolroot=package.root)
