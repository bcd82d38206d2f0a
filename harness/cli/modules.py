"""Modules in arguments of commands: a name, a .ko file, or a directory that is built."""

from __future__ import annotations

from pathlib import Path

from rustbed.arch import Arch
from rustbed.cli.terminal import make_display
from rustbed.errors import UsageError
from rustbed.kernel.artifact import Module
from rustbed.kernel.kbuildfile import require_makefile
from rustbed.kernel.module import describe_modules
from rustbed.kernel.outoftree import build_modules
from rustbed.prepare import Platforms


def is_path(name: str) -> bool:
    """Whether a module is given by a path, not by its name."""
    return name.endswith(".ko") or Path(name).is_dir() or "/" in name


def find_modules(name: str, platforms: Platforms, arch: Arch) -> list[Module]:
    """Return the modules of a file or directory; none for the name of a module of the kernel.

    Raises UsageError for a missing path, before a kernel is built.
    """
    path = Path(name)
    if path.is_dir():
        require_makefile(path)
        built = build_modules(
            platforms.kernel_with_tree(arch, None),
            path,
            toolchain=platforms.get(arch, None).toolchain,
            cache=platforms.choices.cache,
            report=make_display(),
        )
        return list(built.modules)
    if not is_path(name):
        return []
    if not path.is_file():
        raise UsageError(f"no such module: {name}")
    return list(describe_modules([path.absolute()]).values())
