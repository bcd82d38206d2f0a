"""Sibling build trees: a new tree starts as a copy of a sibling, and the oldest are removed.

Trees of one source, architecture, profile and toolchain that differ in their
options are siblings. A new one begins as a copy of the last used one, and make
compiles the files that the options affect, because kbuild tracks which files use which
option. The caller holds the lock of its own tree, and never waits for another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.kernel import buildtree
from rustbed.kernel.buildtree import BuildTree, TreeState

KIND = "builds"
# number of trees of a family that are kept, the last used ones; a tree has half a gigabyte or more
_KEPT = 3
# seconds that copying a tree may take
_COPY_S = 600.0


class _BusyError(Exception):
    """Another process works in that tree."""


def lock_name(directory: Path) -> str:
    """Return the name of a tree's lock."""
    return f"{KIND}-{directory.name}"


@contextmanager
def _try_lock(cache: Cache, directory: Path) -> Iterator[None]:
    def give_up() -> None:
        raise _BusyError

    with cache.lock(lock_name(directory), give_up):
        yield


def find_siblings(tree: BuildTree) -> tuple[Path, ...]:
    """Return the other trees of a tree's family, the one used last first."""
    found = [
        path
        for path in tree.directory.parent.glob("[!.]*")
        if path != tree.directory and buildtree.read_family(path) == tree.family
    ]
    return tuple(sorted(found, key=buildtree.used_at, reverse=True))


def start_from_sibling(tree: BuildTree, cache: Cache) -> bool:
    """Make a new tree a copy of a complete sibling; return whether there was one."""
    temporary = tree.directory.parent / f".{tree.directory.name}"
    caching.remove_tree(temporary)
    for sibling in find_siblings(tree):
        if not buildtree.read_state(sibling).complete:
            continue
        try:
            with _try_lock(cache, sibling):
                argv = ["cp", "-a", "--reflink=auto", str(sibling), str(temporary)]
                process.run(argv, attempted=f"copying {sibling}", timeout_s=_COPY_S)
        except (_BusyError, HostError):
            # without a copy there is only more to compile
            caching.remove_tree(temporary)
            continue
        buildtree.write_state(temporary, TreeState())
        caching.remove_tree(tree.directory)
        temporary.rename(tree.directory)
        return True
    return False


def remove_old_siblings(tree: BuildTree, cache: Cache) -> None:
    """Remove the least recently used trees of a family; their kernels stay in the cache."""
    for old in find_siblings(tree)[_KEPT - 1 :]:
        try:
            with _try_lock(cache, old):
                caching.remove_tree(old)
        except _BusyError:
            continue
