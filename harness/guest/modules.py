"""Loading kernel modules in the guest.

Knows where the image keeps them and how a parameter is written.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.guest.files import push, read_each
from rustbed.guest.shell import Guest
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.buildstate import find_beside
from rustbed.kernel.module import read_module, require_loadable

# where images/ puts modules, and where pushed ones go
PLACE = "/lib/modules"
PUSHED = "/tmp/rustbed"  # noqa: S108 - the guest's
# parameters that the kernel takes for any module (unknown_module_param_cb in kernel/module/main.c)
_EVERY_MODULE = ("async_probe", "dyndbg")
# what a section's file holds is one address
_ADDRESS_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Load:
    """A module that was to be loaded. Times are seconds on time.monotonic()."""

    name: str
    # its file on the host
    path: Path
    began: float
    # when insmod was done
    ended: float = inf
    # when it was unloaded, if it was and anybody knows
    until: float = inf
    # addresses in the guest of its code, by section; none if it was refused or the kernel does not say
    sections: Mapping[str, range] = field(default_factory=dict)

    @property
    def text(self) -> int | None:
        """The address of most of its code; None if unknown."""
        text = self.sections.get(".text")
        return text.start if text is not None else None


def insmod(guest: Guest, kernel: Kernel, name: str | Path, params: dict[str, object]) -> None:
    """Load a module of the kernel, behind what it depends on, or a module file of the host by itself."""
    require_parameters(*find_file(kernel, name), params)
    if isinstance(name, Path):
        remote = f"{PUSHED}/{name.name}"
        push(guest, name.read_bytes(), remote, 0o644)
        _load(guest, remote, params)
        return
    *needed, module = kernel.load_order(name)
    loaded = find_loaded(guest) if needed else frozenset()
    for dependency in needed:
        if dependency.name not in loaded:
            _load(guest, _bring(guest, kernel, dependency), {})
    _load(guest, _bring(guest, kernel, module), params)


def _bring(guest: Guest, kernel: Kernel, module: Module) -> str:
    """Return where the guest has a module of its kernel, pushed if the image has none."""
    if kernel.carries_modules:
        return f"{PLACE}/{module.name}.ko"
    remote = f"{PUSHED}/{module.name}.ko"
    push(guest, module.path.read_bytes(), remote, 0o644)
    return remote


def _load(guest: Guest, path: str, params: Mapping[str, object]) -> None:
    guest.rbctl("insmod", path, *render_params(params), check=True)


def rmmod(guest: Guest, name: str) -> None:
    """Unload a module, named as it or its file is. Raises CommandError when the kernel refuses."""
    guest.rbctl("rmmod", Path(name).name.removesuffix(".ko").replace("-", "_"), check=True)


def find_needed(guest: Guest, kernel: Kernel, path: Path) -> tuple[str | Path, ...]:
    """Return what a module file needs and the guest has not: the kernel's modules, and files beside it.

    Raises MismatchError for a file that belongs to another kernel, UsageError for a dependency that is
    neither loaded nor known.
    """
    require_loadable(path, kernel)
    depends = read_module(path).depends
    loaded = find_loaded(guest) if depends else frozenset()
    needed: list[str | Path] = []
    for name in depends:
        if name in loaded:
            continue
        beside = find_beside(path, name)
        if beside is None and name not in kernel.modules:
            raise UsageError(
                f"{path.name} needs the module {name}, which is not loaded and was not built with it",
                fix=f"load {name} first, or build both in one directory",
            )
        needed.append(beside or name)
    return tuple(needed)


def find_loaded(guest: Guest) -> frozenset[str]:
    """Return the names of the modules that are loaded. Raises CommandError."""
    listed = guest.rbctl("get", "/proc/modules", check=True).output
    return frozenset(line.split()[0] for line in listed.splitlines())


def find_file(kernel: Kernel, name: str | Path) -> tuple[str, Path]:
    """Return the name and the file on the host of what `insmod` loads. Raises UsageError."""
    if isinstance(name, Path):
        return name.stem.replace("-", "_"), name
    module = kernel.require_module(name)
    return module.name, module.path


def find_sections(guest: Guest, module: str, path: Path) -> dict[str, range]:
    """Return where a module's code is in the guest, by section, as far as the kernel says."""
    sizes = {each.name: each.size for each in read_module(path).elf.sections if each.executable and each.size}
    directory = f"/sys/module/{module}/sections"
    told = read_each(guest, [f"{directory}/{name}" for name in sizes], _ADDRESS_BYTES)
    starts = {name: int(told[f"{directory}/{name}"], 16) for name in sizes if told.get(f"{directory}/{name}")}
    return {name: range(start, start + sizes[name]) for name, start in starts.items()}


def require_parameters(module: str, path: Path, params: Collection[str]) -> None:
    """Raise UsageError for a parameter that a module lacks: the kernel would ignore it and only log that."""
    if not params:
        return
    known = read_module(path).parameters
    if unknown := sorted(set(params) - {*known, *_EVERY_MODULE}):
        raise UsageError(
            f"{module} has no parameter {', '.join(unknown)}", parameters=", ".join(known) or "it has none"
        )


def render_insmod(path: str, params: Mapping[str, object]) -> str:
    """Render the shell command that loads a module. Raises UsageError for a value that cannot be written."""
    return shlex.join(("exec", "insmod", path, *render_params(params)))


def render_params(params: Mapping[str, object]) -> tuple[str, ...]:
    """Render parameters as the kernel reads them. Raises UsageError for a value that cannot be written."""
    words = []
    for name, value in params.items():
        text = _render_value(name, value)
        if "\n" in text or '"' in text:
            raise UsageError(f"a module parameter cannot hold a newline or a quote: {name}")
        words.append(f'{name}="{text}"' if " " in text else f"{name}={text}")
    return tuple(words)


def _render_value(name: str, value: object) -> str:
    """Render a value as the kernel reads it: Y or N, and the elements of a list between commas."""
    if isinstance(value, bool):
        return "NY"[value]
    if not isinstance(value, (list, tuple)):
        return str(value)
    elements = [_render_value(name, element) for element in value]
    if any("," in element for element in elements):
        raise UsageError(f"an element of a module parameter cannot hold a comma: {name}")
    return ",".join(elements)
