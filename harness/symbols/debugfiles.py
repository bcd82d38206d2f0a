"""Which files have the debug information of a kernel that ran, and what the run knows about them.

A run directory keeps this as JSON. Its log can be read with lines and inlined functions as long as the
files are there, and is not read by mistake with files that were built again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from mmap import PROT_READ, mmap
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed.checked import Version, version_of
from rustbed.errors import UsageError
from rustbed.here import from_here
from rustbed.kernel.buildstate import find_copy
from rustbed.kernel.elf import find_build_id, parse_elf

if TYPE_CHECKING:
    # `rustbed explain` reads logs and needs no kernel
    from rustbed.kernel.artifact import Kernel

# where compilers in the toolroot see the kernel's source, its O= tree, a module's directory
_SOURCE, _BUILD, _MODULE = "/src", "/build", "/module"
_RUST = "/usr/lib/rustlib/src/rust"


@dataclass(frozen=True, kw_only=True)
class SourceTree:
    """A directory with sources."""

    # as the compiler saw it
    seen: str
    # where it is
    here: Path
    # the directory that its files are named in; "" is itself
    named: str = ""


@dataclass(frozen=True, kw_only=True)
class DebugFile:
    """vmlinux, or a module with debug information."""

    path: Path
    # of the file when the run was made, in hexadecimal; "" if unknown
    build_id: str = ""
    # address of the module's .text in the guest; None if unknown
    loaded_at: int | None = None
    # for a module from outside of the kernel's tree: the copy of the author's directory in which it was built
    copy: Path | None = None
    # the author's directory, relative to the working directory of the run if it is below that
    author: str = ""


@dataclass(frozen=True, kw_only=True)
class DebugFiles:
    """The files in which frames of one kernel are looked up."""

    # how llvm-symbolizer is run
    symbolizer: tuple[str, ...]
    # by module; "" is vmlinux
    files: Mapping[str, DebugFile] = field(default_factory=dict)
    sources: tuple[SourceTree, ...] = ()

    def with_module(self, name: str, path: Path, loaded_at: int | None) -> DebugFiles:
        """Return the files with a loaded module added: the kernel's own, or one from outside of its tree."""
        known = self.files.get(name)
        if known is None or known.path != path:
            copy, author = find_copy(path) or (None, "")
            shown = from_here(normpath(author)) if copy else ""
            known = DebugFile(path=path, build_id=read_build_id(path), copy=copy, author=shown)
        return replace(self, files={**self.files, name: replace(known, loaded_at=loaded_at)})

    def sources_of(self, file: DebugFile) -> tuple[SourceTree, ...]:
        """Return the source trees as the compiler of a file saw them."""
        own = file.copy or file.path.parent
        return (
            SourceTree(seen=_MODULE, here=own, named=file.author),
            *self.sources,
            SourceTree(seen=str(own), here=own, named=file.author),
        )

    def own_sources(self, file: DebugFile) -> tuple[SourceTree, ...]:
        """Return the trees with a module's own sources, without generated files and Rust's library."""
        trees = self.sources_of(file)
        if file.copy is not None:
            return tuple(tree for tree in trees if tree.here == file.copy)
        others = {tree.here for tree in self.sources if tree.seen in (_BUILD, _RUST)}
        return tuple(tree for tree in trees if tree.here not in others)


def files_of(kernel: Kernel, symbolizer: tuple[str, ...], toolroot: Path | None) -> DebugFiles:
    """Return the files of a kernel; whether they have debug information is checked when they are used."""
    rust = toolroot / _RUST[1:] if toolroot else None
    trees = [(_SOURCE, kernel.source_dir), (_BUILD, kernel.build_dir), (_RUST, rust)]
    seen = [(name, here) for name, here in trees if here is not None]
    unmapped = [(str(here), here) for _, here in seen]
    paths = {"": kernel.vmlinux, **{name: module.path for name, module in kernel.modules.items()}}
    return DebugFiles(
        symbolizer=symbolizer,
        files={
            name: DebugFile(path=path, build_id=read_build_id(path))
            for name, path in paths.items()
            if path is not None
        },
        sources=tuple(SourceTree(seen=name, here=here) for name, here in [*seen, *unmapped]),
    )


def find_files(vmlinux: Path | None, modules: Path | None, symbolizer: tuple[str, ...]) -> DebugFiles:
    """Return a vmlinux and the modules below a directory. Raises UsageError if one of the two is missing."""
    if vmlinux is not None and not vmlinux.is_file():
        raise UsageError(f"there is no vmlinux {vmlinux}")
    if modules is not None and not modules.is_dir():
        raise UsageError(f"there is no directory {modules}")
    found = {
        path.name.split(".")[0].replace("-", "_"): path
        for pattern in ("*.ko", "*.ko.debug")
        for path in sorted(modules.rglob(pattern) if modules else ())
    }
    if vmlinux is not None:
        found[""] = vmlinux
    return DebugFiles(
        symbolizer=symbolizer, files={name: DebugFile(path=path) for name, path in found.items()}
    )


def read_build_id(path: Path) -> str:
    """Return a file's build id; "" if it has none or cannot be read."""
    try:
        return _read_build_id(path, version_of(path.stat()))
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=1024)
def _read_build_id(path: Path, _version: Version) -> str:
    """Return the build id; cached, because every test asks for every module."""
    with path.open("rb") as stream, mmap(stream.fileno(), 0, prot=PROT_READ) as contents:
        return find_build_id(contents, parse_elf(contents))


def render_files(files: DebugFiles) -> str:
    """Render as JSON, for a run directory."""
    document = {
        "symbolizer": files.symbolizer,
        "sources": [[tree.seen, str(tree.here)] for tree in files.sources],
        "files": {
            name: {
                "path": str(file.path),
                "build_id": file.build_id,
                "loaded_at": file.loaded_at if file.loaded_at is None else f"{file.loaded_at:#x}",
                "copy": file.copy and str(file.copy),
                "author": file.author,
            }
            for name, file in files.files.items()
        },
    }
    return json.dumps(document, indent=2) + "\n"


def parse_files(text: str) -> DebugFiles:
    """Parse what `render_files` rendered. Raises UsageError for other text."""
    try:
        document = json.loads(text)
        return DebugFiles(
            symbolizer=tuple(document["symbolizer"]),
            sources=tuple(SourceTree(seen=seen, here=Path(here)) for seen, here in document["sources"]),
            files={
                name: DebugFile(
                    path=Path(file["path"]),
                    build_id=file["build_id"],
                    loaded_at=None if file["loaded_at"] is None else int(file["loaded_at"], 16),
                    copy=Path(file["copy"]) if file.get("copy") else None,
                    author=file.get("author", ""),
                )
                for name, file in document["files"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError("this is not a list of debug files as rustbed writes it") from error
