"""Makes rust-project.json, which describes a driver to rust-analyzer, with the kernel's own generator.

The generator runs in the toolroot, so its paths are replaced by those of this host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rustbed.cache import Cache
from rustbed.errors import BuildError, UsageError
from rustbed.kernel.artifact import Kernel, require_same_compiler
from rustbed.kernel.buildtree import run_make
from rustbed.kernel.outoftree import open_tree
from rustbed.toolroot.toolchain import Toolchain

NAME = "rust-project.json"
# paths of the driver, the kernel's source and its build tree for programs in the toolroot
_MODULE, _SOURCE, _BUILD = "/module", "/src", "/build"
# files that the generator reads
_READ = ("*.rs", "Kbuild", "Makefile")


def describe_project(
    kernel: Kernel, directory: Path, *, toolchain: Toolchain, cache: Cache
) -> dict[str, Any]:
    """Return the data of rust-project.json for the modules in a directory and a kernel.

    The format is rust-analyzer's (docs/book/src/non_cargo_based_projects.md in its sources). Raises
    UsageError if the directory, a driver in it, or the kernel's build tree is missing, and BuildError if the
    generator fails.
    """
    directory = directory.absolute()
    tree = open_tree(kernel, toolchain, cache, directory)
    require_same_compiler(kernel, toolchain)
    with TemporaryDirectory(prefix="rustbed-") as scratch:
        work = Path(scratch)
        for path in (path for pattern in _READ for path in directory.rglob(pattern)):
            (work / path.relative_to(directory)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, work / path.relative_to(directory))
        module = toolchain.seen(work, _MODULE)
        run_make(tree, ["rust-analyzer"], settings=[f"M={module}"], binds=[(work, _MODULE)])
        try:
            project = json.loads((work / NAME).read_text())
        except (OSError, ValueError) as error:
            raise BuildError(f"the kernel's generator of {NAME} failed: {error}", log=tree.log) from error
    places = {module: str(directory)}
    if toolchain.root is not None:
        places |= {
            _SOURCE: str(kernel.source_dir),
            _BUILD: str(kernel.build_dir),
            "/usr": str(toolchain.root / "usr"),
        }
    moved: dict[str, Any] = move_paths(project, places)
    require_driver(moved, directory)
    return moved


def require_driver(project: Mapping[str, Any], directory: Path) -> None:
    """Raise UsageError for a project with only the kernel's crates, and none from the directory."""
    # paths of a driver's crates are relative to the directory, those of the kernel's crates are absolute
    roots = (directory / crate["root_module"] for crate in project["crates"])
    if not any(root.is_relative_to(directory) for root in roots):
        raise UsageError(
            f"there is no driver in Rust in {directory}", wanted="NAME.rs, and a Kbuild file: obj-m := NAME.o"
        )


def move_paths(value: Any, places: Mapping[str, str]) -> Any:
    """Return JSON data with paths below the keys of `places` replaced by paths below their values."""
    if isinstance(value, dict):
        return {name: move_paths(part, places) for name, part in value.items()}
    if isinstance(value, list):
        return [move_paths(part, places) for part in value]
    if isinstance(value, str):
        for old, new in places.items():
            if value == old or value.startswith(f"{old}/"):
                return new + value[len(old) :]
    return value
