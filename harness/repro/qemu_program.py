"""Finds the QEMU for a reproduction: this host's, or Debian's, which is fetched if the user agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rustbed import host
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import HostError, suggest
from rustbed.host import Qemu
from rustbed.progress import ignore
from rustbed.toolroot.emulator import find_qemu_root, require_qemu_root
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import find_toolroot

# asks the user a question and returns whether the answer is yes
Ask = Callable[[str], bool]


def find_emulator(arch: Arch, chosen: Path | None, cache: Cache, ask: Ask = lambda question: False) -> Qemu:
    """Return the QEMU for a reproduction: the chosen one, or the cache's, or the one on PATH.

    If none of them exists, `ask` decides whether Debian's is fetched into the cache, for this
    architecture and without the rest of a toolroot. Raises HostError if the user declines.
    """
    root = None if chosen is not None else find_qemu_root(arch, find_toolroot(cache), cache)
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
    """Fetch Debian's QEMU, which runs from the cache on any host, and return it. Raises HostError."""
    # fetched by the toolroot's apt, or by the host's without a toolroot
    toolchain = Toolchain(root=find_toolroot(cache), versions=(), identity="")
    return host.find_qemu(arch, toolroot=require_qemu_root(arch, toolchain, cache, ignore))
