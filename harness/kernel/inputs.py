"""The files that the build of an out-of-tree module may read, with their checksums.

These are the directory with its Kbuild file, and files elsewhere that its files name:
`#[path = "../common/regs.rs"]`, `#include "../regs.h"`, `-I$(src)/../include`,
`KBUILD_EXTRA_SYMBOLS := $(src)/../other/Module.symvers`. Times are not compared, because
`cp -p`, `mv`, rsync and tar replace newer files by older ones.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed.checked import hash_unchanged
from rustbed.errors import UsageError
from rustbed.runfiles import LATEST

# modpost's list of a directory's symbols
SYMBOLS = "Module.symvers"
# kbuild's list of a directory's modules
ORDER = "modules.order"
# suffixes and names of kbuild's products
PRODUCTS = (".o", ".ko", ".mod", ".mod.c", ".cmd", ".rmeta", ".d", ORDER, SYMBOLS)
# kbuild reads the first of these that a directory has
MAKEFILES = ("Kbuild", "Makefile")
# files that are searched for paths that lead out of the directory
SOURCES = (".rs", ".c", ".h", ".S", ".inc", ".mk", *MAKEFILES)
# a path that leads up and names something, or a directory above for the compiler's -I
_LEADS_OUT = re.compile(r"(?:\.\./)+[\w][\w./+-]*|(?<=\))/\.\.(?:/\.\.)*(?![\w/.])")
# a directory with one of these is an environment or a cache
_SET_APART = ("pyvenv.cfg", caching.TAG)
_OF_TOOLS = ("__pycache__", "node_modules")
# pytest's files, which no build reads, so that editing a test does not rebuild the driver
_TESTS = re.compile(r"conftest\.py|test_.*\.py|.*_test\.py|.*\.pyc")


def find_makefile(directory: Path) -> Path | None:
    """Return the makefile of a directory that kbuild reads, None if there is none."""
    return next((path for name in MAKEFILES if (path := directory / name).is_file()), None)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All files that a build may read."""

    # the directory that all files are below
    root: Path
    # the directory with the Kbuild file, relative to root
    place: Path
    # directories that are built first, for their symbols; relative to root
    needs: tuple[Path, ...]
    # SHA-256 by path relative to root
    files: Mapping[str, str]

    @property
    def paths(self) -> frozenset[Path]:
        """The files themselves."""
        return frozenset(self.root / name for name in self.files)

    @property
    def digest(self) -> str:
        """The same for the same contents at the same places."""
        lines = [f"{digest} {path}" for path, digest in sorted(self.files.items())]
        return caching.hash_text(str(self.place), *lines)


def read_inputs(directory: Path) -> Inputs:
    """Scan a directory, and the files outside of it that its files name."""
    directory = directory.resolve()
    files: dict[Path, str] = {}
    needs: list[Path] = []
    # of a parent directory only its own files count, not everything below it
    pending = [(directory, True)]
    while pending:
        place, deep = pending.pop()
        for path in _list_files(place, deep):
            if path in files:
                continue
            files[path] = hash_unchanged(path)
            if not path.name.endswith(SOURCES):
                continue
            for target in _find_outside(path, directory):
                if not target.name.endswith((*SOURCES, *PRODUCTS)) and target.is_file():
                    # include_bytes!("../firmware.bin"), which no listing of sources has
                    files[target] = hash_unchanged(target)
                above = target if target.is_dir() else target.parent
                pending.append((above, not directory.is_relative_to(above)))
                if target.name == SYMBOLS and above != directory and above not in needs:
                    needs.append(above)
    root = Path(os.path.commonpath([directory, *(path.parent for path in files)]))
    return Inputs(
        root=root,
        place=directory.relative_to(root),
        needs=tuple(place.relative_to(root) for place in needs),
        files={str(path.relative_to(root)): digest for path, digest in files.items()},
    )


def require_plain(inputs: Inputs) -> None:
    """Raise UsageError if kbuild cannot be told of a directory, because make would take its name for several.

    That of the driver alone may be any: it is copied to a place of ours.
    """
    for place in (inputs.place, *inputs.needs):
        if re.search(r"[\s:]", str(place)):
            raise UsageError(
                f"kbuild splits names at blanks and colons: {inputs.root / place}",
                why=f"its files name others outside of it, so that it is built as {place} in {inputs.root}",
                fix="another name",
            )


def _list_files(directory: Path, deep: bool) -> Iterator[Path]:
    """Yield files that may be source; without `deep` only those directly in the directory."""
    seen = set()
    for base, names, files in os.walk(directory, followlinks=True):
        real = os.path.realpath(base)
        names[:] = sorted(
            name for name in names if deep and real not in seen and _may_hold_source(base, name)
        )
        if real in seen:
            continue
        seen.add(real)
        for name in sorted(files):
            path = Path(base, name)
            if name.startswith(".") or name.endswith(PRODUCTS) or _TESTS.fullmatch(name):
                continue
            if (deep or name.endswith(SOURCES)) and path.is_file():
                yield path


def _may_hold_source(base: str, name: str) -> bool:
    if name.startswith(".") or name in _OF_TOOLS:
        return False
    directory = Path(base, name)
    # a directory with that link has the results of sessions
    return not (directory / LATEST).is_symlink() and not any(
        (directory / mark).exists() for mark in _SET_APART
    )


def _find_outside(path: Path, directory: Path) -> Iterator[Path]:
    """Yield existing paths outside of the directory that a source names."""
    text = path.read_text(errors="replace")
    # checked first, because the pattern takes ten times as long and rarely matches
    for found in _LEADS_OUT.findall(text) if ".." in text else ():
        target = Path(os.path.normpath(path.parent / found.lstrip("/")))
        there = target.exists() or (target.name == SYMBOLS and target.parent.is_dir())
        if there and not target.is_relative_to(directory):
            yield target


def copy_inputs(wanted: Inputs, work: Path, known: Mapping[str, str]) -> None:
    """Copy new and changed files, remove those that are gone, and leave kbuild's products.

    A copy has the time of copying, because make compares times, and a restored original
    may be older than its object. `known` has the SHA-256 of the copies.
    """
    for relative, digest in wanted.files.items():
        copy = work / relative
        if known.get(relative) != digest or not copy.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            shutil.copyfile(wanted.root / relative, copy)
            copy.chmod((wanted.root / relative).stat().st_mode | 0o200)
    for path in [path for path in work.rglob("*") if path.is_file()]:
        made = path.name.endswith(PRODUCTS) or path.name.startswith(".")
        if not made and str(path.relative_to(work)) not in wanted.files:
            _forget(path)


def _forget(source: Path) -> None:
    """Remove the copy of a file that is gone, and its products."""
    source.unlink()
    for made in source.parent.glob(f"{source.stem}.*o"):
        made.unlink()
