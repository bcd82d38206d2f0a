"""Copies the files that a run needs from an O= tree to a cache entry, and makes a Kernel of an entry."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.checked import hash_file
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.buildtree import BuildTree, TreeState
from rustbed.kernel.module import describe_modules

KIND = "kernels"
VMLINUX = "vmlinux"


@dataclass(frozen=True, kw_only=True)
class Collected:
    """An earlier cache entry from the same O= tree."""

    directory: Path
    # [mtime in ns, size] of each file in the O= tree, by its name in the entry
    stamps: Mapping[str, list[int]]
    # checksums by name in the entry
    sums: Mapping[str, str]


def find_manifest(cache: Cache, key: str) -> dict[str, Any]:
    """Return the file table of an entry, empty if it cannot be read."""
    try:
        return dict(json.loads((cache.path(KIND, key) / caching.MANIFEST).read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def checked_files(cache: Cache, key: str) -> tuple[str, ...]:
    """Return the files of an entry whose checksums are verified: those that a guest runs."""
    return tuple(name for name in find_manifest(cache, key) if name != VMLINUX)


def find_collected(cache: Cache, state: TreeState) -> Collected | None:
    """Return the newest entry that was made from an O= tree, if it still exists."""
    if not state.entries:
        return None
    key = state.entries[-1]
    sums = {name: facts["sha256"] for name, facts in find_manifest(cache, key).items()}
    return Collected(directory=cache.path(KIND, key), stamps=state.stamps, sums=sums) if sums else None


def list_products(tree: BuildTree) -> dict[str, Path]:
    """Return the files of an entry: name, and path in the O= tree."""
    products = {
        Path(tree.arch.kernel_image).name: tree.directory / tree.arch.kernel_image,
        VMLINUX: tree.directory / "vmlinux",
        "config": tree.directory / ".config",
    }
    # lines end in .o, or in .ko before Linux 6.2
    for line in (tree.directory / "modules.order").read_text().split():
        path = (tree.directory / line).with_suffix(".ko")
        products[f"modules/{path.name}"] = path
    return products


def stamp(path: Path) -> list[int]:
    """Return [mtime in ns, size] of a file, which change when it is written."""
    facts = path.stat()
    return [facts.st_mtime_ns, facts.st_size]


def collect(tree: BuildTree, directory: Path, previous: Collected | None) -> Facts:
    """Fill an entry from an O= tree, with links to unchanged files of the previous entry."""
    (directory / "modules").mkdir()
    products = list_products(tree)
    for name, built in products.items():
        if not _link_unchanged(name, built, directory, previous):
            shutil.copyfile(built, directory / name)
    modules = describe_modules((directory / "modules").iterdir())
    image = Path(tree.arch.kernel_image).name
    sums = [hash_file(directory / name) for name in sorted(products) if name not in (VMLINUX, "config")]
    return {
        "release": (tree.directory / "include/config/kernel.release").read_text().strip(),
        "image": image,
        "modules": {name: [module.path.name, *module.depends] for name, module in modules.items()},
        "contents": caching.hash_text(tree.arch.name, *sums),
        "source": tree.source.name,
    }


def _link_unchanged(name: str, built: Path, directory: Path, previous: Collected | None) -> bool:
    """Link a verified file of the previous entry instead of copying it; return whether that was possible."""
    if previous is None or previous.stamps.get(name) != stamp(built):
        return False
    old = previous.directory / name
    try:
        if hash_file(old) != previous.sums.get(name):
            return False
        os.link(old, directory / name)
    except OSError:
        return False
    return True


def load_kernel(tree: BuildTree, profile: str, entry: Path, facts: Facts) -> Kernel:
    """Return the kernel in an entry with the facts of `collect`."""
    kernel = read_kernel(entry, facts, tree.arch, profile, tree.source.name)
    build_dir = tree.directory if tree.directory.is_dir() else None
    return replace(kernel, vmlinux=entry / VMLINUX, source_dir=tree.source.directory, build_dir=build_dir)


def read_kernel(entry: Path, facts: Facts, arch: Arch, profile: str, source: str) -> Kernel:
    """Return the kernel in an entry, without symbols, source and tree, which only a build here has."""
    modules = {
        name: Module(name=name, path=entry / "modules" / file, depends=tuple(depends))
        for name, (file, *depends) in facts["modules"].items()
    }
    return Kernel(
        arch=arch,
        release=facts["release"],
        image=entry / facts["image"],
        modules=modules,
        vmlinux=None,
        config=entry / "config",
        source_dir=None,
        build_dir=None,
        source=source,
        profile=profile,
        key=facts["contents"],
    )
