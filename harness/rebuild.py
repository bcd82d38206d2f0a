"""A pack's kernel built again, from nothing, to be compared byte by byte with what the pack has.

What is compiled for a guest has to be the same: image, modules, configuration,
initramfs, vmlinux. What compiles is not compared: see docs/decisions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rustbed.arch import Arch
from rustbed.beside import link_entries
from rustbed.cache import Cache, remove_tree
from rustbed.kernel.source import SourceKind, parse_source, resolve_source
from rustbed.packs.place import Place
from rustbed.packs.pull import Packed, find_packed
from rustbed.packs.push import list_binaries
from rustbed.packs.verify import find_difference
from rustbed.prepare import Choices, Platform, prepare
from rustbed.progress import Report
from rustbed.toolroot.toolroot import open_toolchain

# kinds of entries that are fetched and not built; what moving names mean
_FETCHED = frozenset(("toolroots", "sources", "packages", "resolved"))


def find_rebuilt_difference(arch: Arch, choices: Choices, place: Place, report: Report) -> str | None:
    """Return the first file of a pack that is another when built from nothing, None if all are the same.

    Takes the minutes of a kernel, and 2 GiB of the cache meanwhile. Raises PackError if the place has no such
    pack, and what building raises.
    """
    with _empty_cache(choices.cache) as scratch:
        alone = replace(choices, cache_root=scratch.root, cache_from=(), accel="tcg", forks="restored")
        packed = find_packed(choices.wanted(arch), (place,), scratch)
        alone = replace(alone, kernel=_exactly(choices.kernel, packed.pack.facts.get("release", "")))
        # into the cache that stays
        toolchain = open_toolchain(choices.toolchain, choices.cache, report)
        resolve_source(parse_source(alone.kernel), toolchain=toolchain, cache=choices.cache, report=report)
        link_entries(choices.cache_root, scratch.root, _FETCHED.__contains__)
        return compare(packed, prepare(arch, alone, report), scratch, report)


@contextmanager
def _empty_cache(cache: Cache) -> Iterator[Cache]:
    """Yield a cache inside of another; one that a killed process left is removed."""
    with cache.lock("rebuild"):
        directory = cache.root / "rebuild"
        remove_tree(directory)
        directory.mkdir()
        try:
            yield Cache(directory)
        finally:
            remove_tree(directory)


def _exactly(source: str, release: str) -> str:
    """Return the source of a release: what "latest" means may have moved on since the pack was made."""
    return f"debian:{release}" if parse_source(source).kind is SourceKind.DEBIAN else source


def compare(packed: Packed, platform: Platform, cache: Cache, report: Report) -> str | None:
    """Return the first file of a pack that is another on a platform, None if all are the same."""
    with tempfile.TemporaryDirectory(prefix="rustbed-") as work:
        parts = list_binaries(
            platform.kernel,
            platform.image,
            Path(work),
            toolchain=platform.toolchain,
            cache=cache,
        )
        found = (find_difference(packed.part(name, report), files) for name, files in parts.items())
        return next((difference for difference in found if difference), None)
