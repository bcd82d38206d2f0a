"""Loading kernel modules in the guest.

Knows where modules are in the image, and the syntax of parameters.
"""

from __future__ import annotations

import os
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

# the guest's directories for modules of the image, and for pushed ones
PLACE = "/lib/modules"
PUSHED = "/tmp/rustbed"  # noqa: S108 - the guest's
# parameters that the kernel takes for any module (unknown_module_param_cb in kernel/module/main.c)
_EVERY_MODULE = ("async_probe", "dyndbg")
# bytes that end a value outside of quotes: isspace() of lib/ctype.c, to which the second byte of UTF-8's "à"
# is Latin-1's blank 0xA0 (findings/linux-parameters-end-at-a-grave.sh)
_BLANKS = frozenset(b"\t\v\f\r \xa0")
# bytes to read from a section's file in sysfs, which holds one address
_ADDRESS_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Load:
    """A module that a test loaded or tried to load. Times are seconds on time.monotonic()."""

    name: str
    # its file on the host
    path: Path
    began: float
    # when insmod ended
    ended: float = inf
    # when it was unloaded; infinite if it was not, or if that is unknown
    until: float = inf
    # addresses of its code in the guest, by section; empty if the load failed or the addresses are unknown
    sections: Mapping[str, range] = field(default_factory=dict)

    @property
    def text(self) -> int | None:
        """The address of .text; None if unknown."""
        text = self.sections.get(".text")
        return text.start if text is not None else None


def insmod(guest: Guest, kernel: Kernel, name: str | Path, params: dict[str, object]) -> None:
    """Load a module of the kernel after its dependencies, or a module file of the host by itself."""
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
    """Return the guest's path of a module of its kernel; one that is not in the image is pushed."""
    if kernel.carries_modules:
        return f"{PLACE}/{module.name}.ko"
    remote = f"{PUSHED}/{module.name}.ko"
    push(guest, module.path.read_bytes(), remote, 0o644)
    return remote


def _load(guest: Guest, path: str, params: Mapping[str, object]) -> None:
    guest.rbctl("insmod", path, *render_params(params), check=True)


def rmmod(guest: Guest, name: str) -> None:
    """Unload a module by its name or the stem of its file. Raises CommandError when the kernel refuses."""
    guest.rbctl("rmmod", Path(name).name.removesuffix(".ko").replace("-", "_"), check=True)


def find_needed(guest: Guest, kernel: Kernel, path: Path) -> tuple[str | Path, ...]:
    """Return the dependencies of a module file that are not loaded: kernel modules, and files beside it.

    Raises MismatchError for a file that was built for another kernel, UsageError for a dependency that is
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
    """Return the name, and the host's file, of the module that `insmod` loads. Raises UsageError."""
    if isinstance(name, Path):
        return name.stem.replace("-", "_"), name
    module = kernel.require_module(name)
    return module.name, module.path


def find_sections(guest: Guest, module: str, path: Path) -> dict[str, range]:
    """Return the addresses of a module's code in the guest, by section, as far as the kernel shows them."""
    sizes = {each.name: each.size for each in read_module(path).elf.sections if each.executable and each.size}
    directory = f"/sys/module/{module}/sections"
    told = read_each(guest, [f"{directory}/{name}" for name in sizes], _ADDRESS_BYTES)
    starts = {name: int(told[f"{directory}/{name}"], 16) for name in sizes if told.get(f"{directory}/{name}")}
    return {name: range(start, start + sizes[name]) for name, start in starts.items()}


def require_parameters(module: str, path: Path, params: Collection[str]) -> None:
    """Raise UsageError for an unknown parameter: the kernel would only log it."""
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
    """Render parameters for the kernel. Raises UsageError for a value that cannot be written."""
    words = []
    for name, value in params.items():
        text = _render_value(name, value)
        if "\n" in text or '"' in text:
            raise UsageError(f"a module parameter cannot hold a newline or a quote: {name}")
        words.append(f'{name}="{text}"' if _BLANKS.intersection(os.fsencode(text)) else f"{name}={text}")
    return tuple(words)


def _render_value(name: str, value: object) -> str:
    """Render a value for the kernel: a bool as Y or N, a list with commas between its elements."""
    if isinstance(value, bool):
        return "NY"[value]
    if not isinstance(value, (list, tuple)):
        return str(value)
    elements = [_render_value(name, element) for element in value]
    if any("," in element for element in elements):
        raise UsageError(f"an element of a module parameter cannot hold a comma: {name}")
    return ",".join(elements)
