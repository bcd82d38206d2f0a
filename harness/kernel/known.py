"""Checks whether a kernel is in the cache, without building anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.kernel import collect, kconfig
from rustbed.kernel.build import Order
from rustbed.kernel.source import find_source, parse_source
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain


def is_built(
    source: str,
    arch: Arch,
    profile: str,
    *,
    toolchain: Toolchain,
    cache: Cache,
    extra_fragments: Sequence[Path] = (),
) -> bool:
    """Whether `build_kernel` would return at once. Raises UsageError."""
    found = find_source(parse_source(source), cache)
    if found is None:
        return False
    options = kconfig.load_fragments(kconfig.fragment_paths(arch, profile, extra_fragments))
    order = Order(
        source=found,
        arch=arch,
        profile=profile,
        options=kconfig.merge_options(options, found.version),
        toolchain=toolchain,
        cache=cache,
        report=ignore,
    )
    return cache.find(collect.KIND, order.key("kernel", found.identity), check=()) is not None
