"""Finds the Rust drivers of a kernel's tree by its Makefiles.

A driver is a Rust file that an option of the configuration compiles. The kernel's own
crates (rust/), programs of the host and tools are not drivers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rustbed.kernel.inputs import find_makefile

# directories of the source without drivers
_OTHER = frozenset({"Documentation", "rust", "scripts", "tools", ".git"})
# TARGET-$(CONFIG_OPTION) += OBJECT.o ..., and NAME-y := OBJECT.o ...
_RULE = re.compile(r"^\s*([\w-]+)-(y|objs|\$\(CONFIG_(\w+)\))\s*[:+]?=(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RustDriver:
    """A module, or a part of the kernel, with Rust sources."""

    # name in /proc/modules; for a driver that is not a module, the name of its object
    name: str
    # without CONFIG_; "" for an out-of-tree driver
    option: str
    # first file of its crate, relative to the source tree, or to / for an out-of-tree driver
    source: str

    def is_named(self, name: str) -> bool:
        """Whether a name of the marker `needs` is its module or its option."""
        return name.replace("-", "_") == self.name or name == f"CONFIG_{self.option}"


def find_rust_drivers(source: Path) -> tuple[RustDriver, ...]:
    """Return the Rust drivers of a source tree, samples last; takes a second."""
    found = [driver for path in _rust_files(source) if (driver := _driver_of(source, path)) is not None]
    return tuple(sorted(found, key=lambda driver: (driver.source.startswith("samples/"), driver.name)))


def _rust_files(source: Path) -> Iterator[Path]:
    for base, names, files in os.walk(source):
        if base == str(source):
            names[:] = [name for name in names if name not in _OTHER]
        yield from (Path(base, name) for name in files if name.endswith(".rs"))


def _driver_of(source: Path, path: Path) -> RustDriver | None:
    """Return the driver whose crate begins with a file, by the nearest Makefile that names the file."""
    for directory in path.parents:
        text = _read_makefile(directory)
        if found := _find_rule(text, str(path.relative_to(directory).with_suffix(""))):
            name, option = found
            return RustDriver(
                name=Path(name).name.replace("-", "_"), option=option, source=str(path.relative_to(source))
            )
        if directory == source:
            return None
    return None


def _read_makefile(directory: Path) -> str:
    makefile = find_makefile(directory)
    return makefile.read_text(errors="replace").replace("\\\n", " ") if makefile else ""


def _find_rule(text: str, stem: str) -> tuple[str, str] | None:
    """Return a file's object, or the one that it is linked into, with its option."""
    for target, _, option, objects in _RULE.findall(text):
        if f"{stem}.o" not in objects.split():
            continue
        if option:
            return stem, option
        if target != "obj":
            return _find_rule(text, target)
    return None
