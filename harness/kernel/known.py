"""Finds kernels that are built already, without building anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.kernel import collect, kconfig
from rustbed.kernel.build import Order
from rustbed.kernel.source import SourceKind, find_source, parse_source, resolve_source
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain


def find_order(
    source: str,
    arch: Arch,
    profile: str,
    *,
    toolchain: Toolchain,
    cache: Cache,
    extra_fragments: Sequence[Path] = (),
) -> Order | None:
    """Return what `build_kernel` would make; None if the source is not here. Raises UsageError."""
    spec = parse_source(source)
    found = find_source(spec, cache)
    if spec.kind is SourceKind.TREE:
        found = resolve_source(spec, toolchain=toolchain, cache=cache, report=ignore)
    if found is None:
        return None
    options = kconfig.load_fragments(kconfig.fragment_paths(arch, profile, extra_fragments))
    return Order(
        source=found,
        arch=arch,
        profile=profile,
        options=kconfig.merge_options(options, found.version),
        toolchain=toolchain,
        cache=cache,
        report=ignore,
    )


def is_built(order: Order) -> bool:
    """Whether `build_kernel` would return at once, for a source that is not edited."""
    return order.cache.find(collect.KIND, _key(order), check=()) is not None


def find_vmlinux(order: Order) -> Path | None:
    """Return the ELF file of a kernel that is built; of an edited tree, that of the last build."""
    entry = order.tree().directory if order.source.editable else order.cache.path(collect.KIND, _key(order))
    return path if (path := entry / collect.VMLINUX).is_file() else None


def _key(order: Order) -> str:
    return order.key("kernel", order.source.identity)
