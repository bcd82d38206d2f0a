"""Modules that were built from the same files in another directory: another checkout, a copy, a job's folder.

Owns the entries of the cache that keep such modules. They are only the same bytes if the compilers see the
same path in each directory, as they do in a toolroot.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from rustbed.cache import Cache, Facts
from rustbed.kernel.buildstate import BuildState

KIND = "modules"

# entries unused for so long are removed, and the oldest beyond so many bytes
MAX_AGE_S = 14 * 24 * 3600.0
MAX_BYTES = 2**30


def keep_build(cache: Cache, state: BuildState, tree: Path) -> None:
    """Keep the modules of a build that succeeded without warnings: these name files of its directory."""
    if state.failure or state.warnings:
        return

    def fill(directory: Path) -> Facts:
        cache.evict(KIND, max_age_s=MAX_AGE_S, max_bytes=MAX_BYTES)
        _copy(_list_made(state), tree, directory)
        return asdict(replace(state, root="", session=""))

    cache.publish(KIND, state.digest, fill)


def take_build(cache: Cache, digest: str, root: Path, tree: Path) -> BuildState | None:
    """Copy the modules of an equal build to a tree that has its files, and return its state.

    `root` is the author's directory that the tree is a copy of. Returns None if no equal build was kept.
    """
    if (facts := cache.find(KIND, digest)) is None:
        return None
    state = replace(BuildState(**facts), root=str(root))
    try:
        _copy(_list_made(state), cache.path(KIND, digest), tree)
    except FileNotFoundError:
        # another process has just removed it
        return None
    # its age counts from its last use; one of a cache that cannot be written has none
    with suppress(OSError):
        os.utime(cache.path(KIND, digest))
    return state


def _list_made(state: BuildState) -> Iterable[str]:
    return (*state.modules.values(), *state.beside.values())


def _copy(names: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        # of a new file, so that its time is that of its copying, as make needs it
        (target / name).unlink(missing_ok=True)
        shutil.copyfile(source / name, target / name)
