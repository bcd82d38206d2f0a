"""A bootable kernel with its modules, as a value.

Knows nothing of how kernels are built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from rustbed.arch import Arch
from rustbed.errors import MismatchError, UsageError
from rustbed.kernel.kconfig import parse_config
from rustbed.toolroot.toolchain import Toolchain, version_key

# a kernel with more modules has few of them in its image, which would take seconds to unpack
_CARRIED = 300
# most names in an error message
_NAMED = 40


@dataclass(frozen=True, kw_only=True)
class Module:
    """One kernel module file."""

    # name as in /proc/modules: the file's stem with - as _
    name: str
    # the file, with debug information if it was built with any
    path: Path
    # direct dependencies, which must be loaded before it
    depends: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A bootable kernel with its files."""

    arch: Arch
    # uname -r
    release: str
    # the argument of QEMU's -kernel
    image: Path
    modules: dict[str, Module] = field(repr=False)
    # the ELF file with symbols; None if a `built:` kernel lacks it
    vmlinux: Path | None
    # the .config; None if a `built:` kernel lacks it
    config: Path | None
    # the unpacked sources, and the O= tree in which modules can be built; None if unknown
    source_dir: Path | None
    build_dir: Path | None
    # the user's name for it: "debian:latest", "tree:/home/me/linux"
    source: str
    # name of the profile; "built" for a kernel configured elsewhere
    profile: str
    # identifies the contents: equal keys, equal kernels
    key: str

    @property
    def carries_modules(self) -> bool:
        """Whether its modules are in the image; otherwise each is pushed to the guest when it is loaded."""
        return len(self.modules) <= _CARRIED

    def has(self, name: str) -> bool:
        """Whether the kernel has a module or an option (`CONFIG_X`); unknown options count as there."""
        if not name.startswith("CONFIG_"):
            return name.replace("-", "_") in self.modules
        return self.config is None or name.removeprefix("CONFIG_") in self.options

    @cached_property
    def options(self) -> Mapping[str, str]:
        """The values in its .config, by name without `CONFIG_`; empty if the config is unknown.

        Read once, because a configuration has thousands of lines, and each test asks for several options.
        """
        return parse_config(self.config.read_text()) if self.config else {}

    def is_older(self, version: str) -> bool:
        """Whether its release is older than a version, "6.18" or "6.18.3". Raises UsageError for others."""
        if not re.fullmatch(r"\d+(\.\d+)+", version):
            raise UsageError(f"{version!r} is not a kernel version", wanted="6.18, 6.18.3")
        return version_key(self.release) < version_key(version)

    def require_module(self, name: str) -> Module:
        """Return the module called `name` (- and _ are the same). Raises UsageError if there is none."""
        try:
            return self.modules[name.replace("-", "_")]
        except KeyError:
            raise UsageError(
                f"kernel {self.release} for {self.arch} has no module {name!r}",
                known=self._similar(name),
            ) from None

    def _similar(self, name: str) -> str:
        """Render the names of all modules, or of similar ones if there are too many."""
        if len(self.modules) <= _NAMED:
            return ", ".join(sorted(self.modules)) or "none"
        return f"{len(self.modules)}, {', '.join(get_close_matches(name, self.modules)) or 'none like it'}"

    def load_order(self, name: str) -> tuple[Module, ...]:
        """Return the dependencies of the module called `name`, each once, followed by the module."""
        order: dict[str, Module] = {}

        def visit(module: Module, path: tuple[str, ...]) -> None:
            if module.name in path:
                raise UsageError(f"modules depend on each other: {' -> '.join((*path, module.name))}")
            for needed in module.depends:
                visit(self.require_module(needed), (*path, module.name))
            order.setdefault(module.name, module)

        visit(self.require_module(name), ())
        return tuple(order.values())


def require_same_compiler(kernel: Kernel, toolchain: Toolchain) -> None:
    """Raise MismatchError if a kernel was built by another rustc, which could not read its crates."""
    config = kernel.options
    # major, minor and patch as 1*100000 + 96*100 + 1, see scripts/rustc-version.sh
    number = config.get("RUSTC_VERSION", "")
    have = toolchain.version("rustc")
    if not number.isdigit() or have is None:
        return
    theirs = (int(number) // 100_000, int(number) // 100 % 1000, int(number) % 100)
    if theirs != version_key(have):
        raise MismatchError(
            f"kernel {kernel.release} was built by another rustc",
            kernel=".".join(map(str, theirs)),
            toolchain=have,
            fix="build the module with the kernel's own toolchain, or let the kernel be built here",
        )
