"""The options for kernels and machines: one table for the command line and for pytest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rustbed.arch import ARCHES, DEFAULT_ARCHES, Arch, require_arch
from rustbed.beside import find_writable
from rustbed.cache import CACHE_HELP, MANIFEST, default_root
from rustbed.errors import UsageError, suggest
from rustbed.kernel.builtkernel import find_arch
from rustbed.kernel.collect import KIND as KERNELS
from rustbed.kernel.source import FORMS, SourceKind, parse_source
from rustbed.packs.place import CACHE_FROM_HELP, VARIABLE, parse_places
from rustbed.prepare import ACCELS, FORKS, TOOLCHAINS, Choices

# values of --arch for the architectures of all tiers, and for those with a kernel
ALL = "all"
BUILT = "built"

# returns the value of an option by its name without dashes
Given = Callable[[str], Any]


# options that name kernels, those that also build them, those that also start machines, and all
NAMES_KERNELS = ("kernel", "arch", "profile", "fragment", "cache")
BUILDS_KERNELS = (*NAMES_KERNELS, "toolchain", "refresh", "cache-from")
STARTS_MACHINES = (*BUILDS_KERNELS, "accel", "qemu")
ALL_OPTIONS = (*STARTS_MACHINES, "forks")

# what argparse's add_argument takes, by the option's name without dashes; in the order of --help
_OPTIONS: Mapping[str, dict[str, Any]] = {
    "kernel": {"default": "debian:latest", "metavar": "SRC", "help": f"one of {', '.join(FORMS)}"},
    "arch": {
        "action": "append",
        "metavar": "A[,B]",
        "help": f"architectures, of {', '.join(ARCHES)} (default: the first {len(DEFAULT_ARCHES)}); `all`;"
        " `built`: those whose kernel is in the cache",
    },
    "profile": {"default": "default", "metavar": "P", "help": "kernel profile: kconfigs/profile/*.config"},
    "fragment": {
        "action": "append",
        "default": [],
        "metavar": "FILE",
        "help": "an additional kconfig fragment",
    },
    "accel": {
        "default": "auto",
        "choices": ACCELS,
        "help": "auto: KVM if a boot proves that it works, else emulation",
    },
    "toolchain": {
        "default": "toolroot",
        "choices": TOOLCHAINS,
        "help": "build with the pinned toolroot or with the host's programs",
    },
    "qemu": {
        "metavar": "PATH",
        "help": "a QEMU binary, or a directory of them, instead of the toolchain's",
    },
    "forks": {
        "default": "hot",
        "choices": FORKS,
        "help": "hot: copy a running QEMU, where that works; restored: a new QEMU loads the saved machine",
    },
    "refresh": {
        "action": "store_true",
        "help": "look for a newer kernel than debian:... meant last time",
    },
    "cache": {"metavar": "DIR", "help": CACHE_HELP},
    "cache-from": {"action": "append", "metavar": "PLACE", "help": CACHE_FROM_HELP},
}
# values of options that a command does not declare: it needs neither a proof of KVM nor copies of machines
UNDECLARED: Mapping[str, Any] = {
    **{name.replace("-", "_"): option.get("default") for name, option in _OPTIONS.items()},
    "accel": "tcg",
    "forks": "restored",
}


def add_options(add: Callable[..., object], names: Collection[str] = ALL_OPTIONS) -> None:
    """Declare options by a function that takes what argparse's add_argument takes."""
    for name, option in _OPTIONS.items():
        if name in names:
            add(f"--{name}", **option)


def read_choices(given: Given) -> Choices:
    """Return the choices in the options. Raises UsageError for a value that cannot be used."""
    for path in given("fragment"):
        if not Path(path).is_file():
            raise UsageError(f"no such fragment: {path}")
        if not os.access(path, os.R_OK):
            raise UsageError(f"this user cannot read the fragment {path}")
    return Choices(
        kernel=given("kernel"),
        profile=given("profile"),
        accel=given("accel"),
        toolchain=given("toolchain"),
        qemu=Path(given("qemu")) if given("qemu") else None,
        fragments=tuple(Path(path).absolute() for path in given("fragment")),
        forks=given("forks"),
        refresh=given("refresh"),
        cache_from=parse_places(given("cache_from") or os.environ.get(VARIABLE, "").split()),
        cache_root=find_writable(Path(given("cache") or default_root()).absolute()),
    )


def read_arches(given: Given) -> tuple[Arch, ...]:
    """Return the architectures the options name, as they name them; raises UsageError for an unknown one.

    `built` names those for which the cache has a kernel of the source, with whatever profile.
    """
    names = [name for value in given("arch") or () for name in value.split(",") if name]
    if BUILT in names:
        found = _find_built(given("kernel"), Path(given("cache") or default_root()))
        if not found:
            raise UsageError(
                f"no kernel of {given('kernel')} is built here", fix=suggest("build --arch x86_64")
            )
        names = [name for name in names if name != BUILT] + found
    return select_arches(names, given("kernel"))


def select_arches(names: Sequence[str], kernel: str) -> tuple[Arch, ...]:
    """Return the rows of the architectures named (commas separate, too), of tier 1 if none is.

    `all` names every one. A kernel built elsewhere has one architecture: then that is all. Raises UsageError.
    """
    given = [name for value in names for name in value.split(",") if name]
    if ALL in given:
        return tuple(ARCHES.values())
    spec = parse_source(kernel)
    if not given and spec.kind is SourceKind.BUILT and (found := find_arch(spec.path)) in ARCHES:
        given = [str(found)]
    # named twice is tested once
    return tuple(dict.fromkeys(require_arch(name) for name in given)) or DEFAULT_ARCHES


def _find_built(source: str, root: Path) -> list[str]:
    """Return the architectures of the kernels in a cache that were made from a source."""
    found = {
        find_arch(manifest.parent)
        for manifest in root.glob(f"{KERNELS}/*/{MANIFEST}")
        if json.loads(manifest.read_text()).get("facts", {}).get("source") == source
    }
    return [name for name in ARCHES if name in found]
