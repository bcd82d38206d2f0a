"""The part of a pack to compile modules with: the files of source and build tree that kbuild reads.

For C the list is the kernel's own, that of scripts/package/install-extmod-build
(Linux 7.3); Rust's metadata and macros are added, and what editors and linters
want to see. Sees files by their names only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rustbed.kernel.artifact import Kernel

SDK = "sdk"
# the host that the part's programs run on, by Debian's name
HOST_FACT = "sdk_host"
# names in the part
_SOURCE, _BUILD = "source", "build"
_OF_SOURCE = (
    *("Makefile", "Kconfig", ".rustfmt.toml", ".clippy.toml"),
    *("arch/{arch}/Makefile*", "arch/{arch}/Kbuild.platforms", "arch/{arch}/Platform"),
    *("arch/{arch}/**/include/**/*", "include/**/*", "scripts/**/*", "rust/**/*"),
)
_OF_BUILD = (
    *("Makefile", ".config", "Module.symvers", "include/config/auto.conf", "include/config/kernel.release"),
    *("include/generated/**/*", "arch/{arch}/include/generated/**/*", "scripts/**/*"),
    *("rust/*.rmeta", "rust/*.so", "rust/*/*.rs"),
    *("tools/objtool/objtool", "tools/bpf/resolve_btfids/resolve_btfids"),
)
# files that only a kernel's own build needs
_UNUSED = {"scripts": frozenset({"atomic", "dtc", "kconfig", "package"})}
_UNUSED_SUFFIXES = frozenset({".o", ".cmd"})


def list_sdk(kernel: Kernel) -> dict[str, Path]:
    """Return the files of the part by their names in it; none for a kernel without source and build tree."""
    if kernel.source_dir is None or kernel.build_dir is None:
        return {}
    arch = kernel.arch.source_arch
    return {
        f"{top}/{path.relative_to(directory).as_posix()}": path
        for top, directory, patterns in (
            (_SOURCE, kernel.source_dir, _OF_SOURCE),
            (_BUILD, kernel.build_dir, _OF_BUILD),
        )
        for path in _find(directory, (pattern.format(arch=arch) for pattern in patterns))
    }


def _find(directory: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for path in {path for pattern in patterns for path in directory.glob(pattern)}:
        top, *inner = path.relative_to(directory).parts
        if path.suffix in _UNUSED_SUFFIXES or (inner and inner[0] in _UNUSED.get(top, ())):
            continue
        # a link out of the trees would be broken
        if path.is_file() and not (path.is_symlink() and path.readlink().is_absolute()):
            yield path


def with_sdk(kernel: Kernel, sdk: Path) -> Kernel:
    """Return a kernel that modules can be built for, with the unpacked part."""
    return replace(kernel, source_dir=sdk / _SOURCE, build_dir=sdk / _BUILD)
