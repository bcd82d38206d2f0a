"""The Rust drivers of a kernel's tree, found by its Makefiles: what there is to be tested.

Owns which Rust files are drivers: those that an option of the configuration compiles. The kernel's own
crates (rust/), programs of the host and tools are none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rustbed.kernel.inputs import find_makefile

# directories of the source that no driver is in
_OTHER = frozenset({"Documentation", "rust", "scripts", "tools", ".git"})
# TARGET-$(CONFIG_OPTION) += OBJECT.o ..., and NAME-y := OBJECT.o ...
_RULE = re.compile(r"^\s*([\w-]+)-(y|objs|\$\(CONFIG_(\w+)\))\s*[:+]?=(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RustDriver:
    """A module, or a part of the kernel, with Rust sources."""

    # as in /proc/modules; of what is no module of its own the object's
    name: str
    # without CONFIG_; "" of what is built outside of the tree
    option: str
    # the file that its crate begins with, relative to the source tree, or to / outside of it
    source: str

    def is_named(self, name: str) -> bool:
        """Whether that is its module's name or its option's, as the marker `needs` takes them."""
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
    """Return the driver that begins with a file, by the Makefile beside it or in a directory above."""
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
    """Return the object that has a file's option, itself or what it is linked into, and the option."""
    for target, _, option, objects in _RULE.findall(text):
        if f"{stem}.o" not in objects.split():
            continue
        if option:
            return stem, option
        if target != "obj":
            return _find_rule(text, target)
    return None
