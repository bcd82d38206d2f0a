"""The Kbuild file or Makefile of a driver's directory, and what is said where it makes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.inputs import find_makefile

_OBJECTS = re.compile(r"^\s*obj-m\s*[:+]?=\s*(.*)", re.MULTILINE)
_OPTIONAL = re.compile(r"^\s*obj-\$[({](CONFIG_\w+)[)}]", re.MULTILINE)
_FIRST_LINE = "obj-m := NAME.o"
# git's list of the repositories below one
_SUBMODULES = ".gitmodules"


def require_makefile(directory: Path) -> Path:
    """Return a directory in which modules can be built. Raises UsageError."""
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}", wanted="one with a Kbuild file or Makefile")
    if find_makefile(directory) is None:
        raise UsageError(
            f"{directory} has no Kbuild file or Makefile",
            fix=_find_below(directory) or _find_submodule(directory) or _FIRST_LINE,
        )
    return directory


def find_named(directory: Path) -> tuple[str, ...]:
    """Return the modules in a directory's makefile, even if they do not build."""
    words = [word for line in _OBJECTS.findall(_read(directory)) for word in line.split()]
    return tuple(word.removesuffix(".o") for word in words if word.endswith(".o"))


def without_modules(directory: Path, kernel: Kernel) -> UsageError:
    """Return the error for a makefile of which kbuild made no module."""
    problem = f"{directory} makes no modules"
    unset = [name for name in _OPTIONAL.findall(_read(directory)) if not kernel.has(name)]
    if unset:
        first = unset[0]
        return UsageError(
            f"{problem}: the kernel has no {first}",
            fix=f"obj-m instead of obj-$({first}), or before it: {first} ?= m",
        )
    return UsageError(problem, fix=_find_below(directory) or f"{_FIRST_LINE} in its Kbuild file or Makefile")


def _read(directory: Path) -> str:
    makefile = find_makefile(directory)
    return makefile.read_text(errors="replace") if makefile else ""


def _find_below(directory: Path) -> str:
    """Name the directories below that have a makefile; "" if there are none."""
    found = sorted(each.name for each in directory.iterdir() if each.is_dir() and find_makefile(each))
    return f"{' or '.join(found)} in it, which has one" if found else ""


def _find_submodule(directory: Path) -> str:
    """Return the command that fetches an empty directory of a repository; "" if it is not git's."""
    is_listed = any((above / _SUBMODULES).is_file() for above in directory.absolute().parents)
    return "git submodule update --init" if is_listed and not any(directory.iterdir()) else ""
