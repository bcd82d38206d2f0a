"""Loading kernel modules in the guest.

Knows where the image keeps them and how a parameter is written.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.guest.files import push
from rustbed.guest.shell import Guest
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.module import read_module, require_loadable
from rustbed.kernel.outoftree import find_beside

# where images/ puts modules, and where pushed ones go
_MODULES = "/lib/modules"
_PUSHED = "/tmp/rustbed"  # noqa: S108 - the guest's


def insmod(guest: Guest, kernel: Kernel, name: str | Path, params: dict[str, object]) -> None:
    """Load a module of the kernel, behind what it depends on, or a module file of the host by itself."""
    if isinstance(name, Path):
        remote = f"{_PUSHED}/{name.name}"
        push(guest, name.read_bytes(), remote, 0o644)
        guest.check(render_insmod(remote, params))
        return
    *needed, module = kernel.load_order(name)
    there = guest.check("cat /proc/modules") if needed else ""
    loaded = {line.split()[0] for line in there.splitlines()}
    for dependency in needed:
        if dependency.name not in loaded:
            guest.check(render_insmod(f"{_MODULES}/{dependency.name}.ko", {}))
    guest.check(render_insmod(f"{_MODULES}/{module.name}.ko", params))


def find_needed(guest: Guest, kernel: Kernel, path: Path) -> tuple[str | Path, ...]:
    """Return what a module file needs and the guest has not: the kernel's modules, and files beside it.

    Raises MismatchError for a file that belongs to another kernel, UsageError for a dependency that is
    neither loaded nor known.
    """
    require_loadable(path, kernel)
    depends = read_module(path).depends
    listed = guest.check("cat /proc/modules") if depends else ""
    loaded = {line.split()[0] for line in listed.splitlines()}
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


def find_file(kernel: Kernel, name: str | Path) -> tuple[str, Path]:
    """Return the name and the file on the host of what `insmod` loads. Raises UsageError."""
    if isinstance(name, Path):
        return name.stem.replace("-", "_"), name
    module = kernel.require_module(name)
    return module.name, module.path


def find_address(guest: Guest, module: str) -> int | None:
    """Return where a module's code is in the guest; None if the kernel does not say."""
    # head is a part of the shell: another program would cost as much as the loading
    told = guest.run(f"exec head -n 1 /sys/module/{module}/sections/.text")
    return int(told.output, 16) if told.status == 0 else None


def render_insmod(path: str, params: dict[str, object]) -> str:
    """Render the command that loads a module; a bool becomes Y or N, as the kernel prints it."""
    words = ["exec", "insmod", shlex.quote(path)]
    for name, value in params.items():
        text = ("N", "Y")[value] if isinstance(value, bool) else str(value)
        if "\n" in text:
            raise UsageError(f"a module parameter cannot hold a newline: {name}")
        words.append(shlex.quote(f'{name}="{text}"' if " " in text else f"{name}={text}"))
    return " ".join(words)
