"""A kernel's files with symbols and the directories of its sources, for gdb."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rustbed import runfiles
from rustbed.guest import transcript
from rustbed.repro.scene import Scene
from rustbed.symbols.debugfiles import parse_files

# a module of the test's own: `Vm.insmod` pushes the unchanged file
_PUSHED = re.compile(r"rbctl put \S*?/([\w\-]+)\.ko[' ]")


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """A kernel's files with symbols."""

    vmlinux: Path
    # by name as in /proc/modules
    modules: Mapping[str, Path]
    # directory of a source tree as compilers saw it, and its directory on this host
    trees: tuple[tuple[str, Path], ...]
    # copies of authors' directories, in which their modules were built, if this host has them
    copies: tuple[Path, ...] = ()


def find_symbols(scene: Scene) -> Symbols | None:
    """Return the symbols of a scene's kernel and of all modules it may load; None without vmlinux."""
    kernel = scene.spec.kernel
    if kernel.vmlinux is None:
        return None
    modules = {name: module.path for name, module in kernel.modules.items()}
    for command in scene.commands:
        if command.stdin is not None and (pushed := _PUSHED.search(command.text)):
            path = scene.directory / transcript.INPUTS / command.stdin
            modules[pushed[1].replace("-", "_")] = path
    # a toolroot's compilers see the trees at these places
    trees = (("/src", kernel.source_dir), ("/build", kernel.build_dir))
    return Symbols(
        vmlinux=kernel.vmlinux,
        modules=modules,
        trees=tuple((inside, tree) for inside, tree in trees if tree is not None),
        copies=_find_copies(scene.directory / runfiles.SYMBOLS),
    )


def _find_copies(kept: Path) -> tuple[Path, ...]:
    """Return the directories with sources of out-of-tree modules, from a run's file on symbols."""
    files = parse_files(kept.read_text()).files.values() if kept.is_file() else ()
    copies = dict.fromkeys(file.copy for file in files if file.copy is not None)
    return tuple(copy for copy in copies if copy.is_dir())


def keep_symbols(symbols: Symbols, directory: Path) -> Symbols:
    """Link the files with symbols into a new directory, or copy them, and return them from there."""
    directory.mkdir(parents=True)

    def kept(path: Path, name: str) -> Path:
        try:
            os.link(path, directory / name)
        except OSError:
            # `directory` is on another file system
            shutil.copyfile(path, directory / name)
        return directory / name

    return Symbols(
        vmlinux=kept(symbols.vmlinux, "vmlinux"),
        modules={name: kept(path, f"{name}.ko") for name, path in symbols.modules.items() if path.is_file()},
        trees=symbols.trees,
        copies=symbols.copies,
    )


def describe_symbols(symbols: Symbols) -> dict[str, Any]:
    """Return symbols as data for JSON."""
    return {
        "vmlinux": str(symbols.vmlinux),
        "modules": {name: str(path) for name, path in symbols.modules.items()},
        "trees": [(inside, str(tree)) for inside, tree in symbols.trees],
        "copies": [str(copy) for copy in symbols.copies],
    }


def parse_symbols(facts: Mapping[str, Any]) -> Symbols:
    """Return what `describe_symbols` described. Raises LookupError, TypeError or ValueError."""
    return Symbols(
        vmlinux=Path(facts["vmlinux"]),
        modules={str(name): Path(path) for name, path in facts["modules"].items()},
        trees=tuple((str(inside), Path(tree)) for inside, tree in facts["trees"]),
        copies=tuple(Path(copy) for copy in facts.get("copies", ())),
    )
