"""Kernel module files: the facts in a .ko, and whether a kernel would accept it.

The keys of .modinfo are those of MODULE_INFO in the kernel's
include/linux/moduleparam.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rustbed.arch import Arch
from rustbed.checked import Version, version_of
from rustbed.errors import MismatchError
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.elf import ElfHeader, find_section, parse_elf

# keys of .modinfo for which the kernel taints itself (check_modinfo in kernel/module/main.c)
_TAINTING = frozenset({"staging", "test", "livepatch"})


@dataclass(frozen=True, kw_only=True)
class ModuleFacts:
    """The facts in a module file."""

    # as in /proc/modules
    name: str
    # release and configuration of the kernel that it was built for: "7.3.4 SMP mod_unload "
    vermagic: str
    # names of modules that it depends on
    depends: tuple[str, ...]
    # names of its parameters, sorted
    parameters: tuple[str, ...]
    elf: ElfHeader
    # the devices that it supports, for modprobe: "pci:v00001B36d00000005sv*sd*bc*sc*i*"
    aliases: tuple[str, ...] = ()
    # name and type of its parameters, like in modinfo's output: ("threshold", "i64")
    types: tuple[tuple[str, str], ...] = ()
    # whether a load taints the kernel, even one that fails: not of the kernel's tree, or in staging
    taints: bool = False

    @property
    def release(self) -> str:
        """The kernel release in the vermagic."""
        return self.vermagic.partition(" ")[0]


def measure(elf: ElfHeader) -> tuple[int, int, int]:
    """Return the bytes of text, data and bss like size(1), where text includes read-only data."""
    placed = [section for section in elf.sections if section.allocated]
    text = sum(section.size for section in placed if not section.writable and not section.empty)
    data = sum(section.size for section in placed if section.writable and not section.empty)
    return text, data, sum(section.size for section in placed if section.empty)


def measure_file(path: Path) -> tuple[int, int, int]:
    """Return the sizes of a module file, which is read again only after a change. Raises OSError."""
    return _measure_version(path, version_of(path.stat()))


@lru_cache(maxsize=256)
def _measure_version(path: Path, _version: Version) -> tuple[int, int, int]:
    return measure(read_module(path).elf)


def parse_modinfo(section: bytes) -> Iterator[tuple[str, str]]:
    """Yield the `key=value` pairs of a .modinfo section."""
    for entry in section.split(b"\0"):
        key, equals, value = entry.decode(errors="replace").partition("=")
        if equals:
            yield key, value


def parse_module(data: bytes, name: str) -> ModuleFacts:
    """Return the facts in a module's bytes; `name` is used if .modinfo has none. Raises ValueError."""
    elf = parse_elf(data)
    section = find_section(data, elf, ".modinfo")
    if section is None:
        raise ValueError("it has no .modinfo section")
    pairs = list(parse_modinfo(section))
    known = dict(pairs)
    # each parameter has a type ("NAME:int"), and a description if its author wrote one
    parameters = {value.partition(":")[0] for key, value in pairs if key in ("parm", "parmtype")}
    if "vermagic" not in known:
        raise ValueError("its .modinfo has no vermagic")
    return ModuleFacts(
        name=known.get("name", name).replace("-", "_"),
        vermagic=known["vermagic"],
        depends=tuple(item.replace("-", "_") for item in known.get("depends", "").split(",") if item),
        parameters=tuple(sorted(parameters)),
        elf=elf,
        aliases=tuple(value for key, value in pairs if key == "alias"),
        types=tuple(
            (value.partition(":")[0], value.partition(":")[2]) for key, value in pairs if key == "parmtype"
        ),
        taints="intree" not in known or not _TAINTING.isdisjoint(known),
    )


def read_module(path: Path) -> ModuleFacts:
    """Read a .ko file. Raises MismatchError if it is not a kernel module."""
    try:
        return parse_module(path.read_bytes(), path.stem)
    except OSError as error:
        raise MismatchError(f"cannot read module {path}: {error.strerror}") from error
    except ValueError as error:
        raise MismatchError(f"{path} is not a kernel module: {error}") from error


def require_match(
    facts: ModuleFacts, path: Path, arch: Arch, release: str, vermagic: str | None = None
) -> None:
    """Raise MismatchError unless a kernel of this architecture and release would accept a module."""
    if not facts.elf.belongs_to(arch):
        raise MismatchError(f"module {path} is for {facts.elf.name_arch()}, the kernel is for {arch}")
    if facts.release != release or (vermagic is not None and facts.vermagic != vermagic):
        raise MismatchError(
            f"module {path} was built for another kernel",
            vermagic=facts.vermagic,
            kernel=vermagic or release,
            fix="build it against the kernel that is to be tested",
        )


def require_loadable(path: Path, kernel: Kernel) -> None:
    """Raise MismatchError if a module is for another architecture, kernel or configuration.

    The vermagic is compared with that of the kernel's own modules; for a kernel without modules only the
    release is compared.
    """
    sibling = next(iter(kernel.modules.values()), None)
    vermagic = read_module(sibling.path).vermagic if sibling is not None else None
    require_match(read_module(path), path, kernel.arch, kernel.release, vermagic)


def describe_modules(paths: Iterable[Path]) -> dict[str, Module]:
    """Read module files and return them by name."""
    found = {}
    for path in paths:
        facts = read_module(path)
        found[facts.name] = Module(name=facts.name, path=path, depends=facts.depends)
    return dict(sorted(found.items()))
