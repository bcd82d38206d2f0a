"""Finds the options that a kernel lacks for a module that does not build, as lines for a fragment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rustbed.kernel.artifact import Kernel
from rustbed.kernel.diagnosis import find_gates, find_undefined
from rustbed.kernel.inputs import find_makefile

# most options in a hint; a longer list would not help
_MOST = 5
# directories of the source without kernel code
_OTHER = frozenset({"Documentation", "tools", "scripts", ".git", "samples"})


def find_fragment_lines(kernel: Kernel, printed: str) -> list[str]:
    """Return a hint for each option that the kernel lacks according to a build's errors; [] if unknown."""
    if kernel.config is None:
        return []
    config = kernel.options
    options = list(find_gates(printed))
    if kernel.source_dir is not None and (symbols := find_undefined(printed)):
        options += find_owners(kernel.source_dir, symbols[:_MOST], kernel.arch.source_arch)
    missing = [name for name in dict.fromkeys(options) if config.get(name, "n") == "n"]
    return [
        f"the kernel lacks CONFIG_{name}: CONFIG_{name}=y in a file given to --fragment" for name in missing
    ][:_MOST]


def find_owners(source: Path, symbols: tuple[str, ...], arch: str) -> list[str]:
    """Return the options, without CONFIG_, with which the files that export these symbols are compiled."""
    exported = re.compile(rb"EXPORT_SYMBOL\w*\(\s*(" + b"|".join(map(str.encode, symbols)) + rb")\s*[,)]")
    found = (_option_of(path) for path in _list_sources(source, arch) if exported.search(path.read_bytes()))
    return [option for option in found if option is not None]


def _list_sources(source: Path, arch: str) -> Iterator[Path]:
    for base, names, files in os.walk(source):
        if base == str(source):
            names[:] = [name for name in names if name not in _OTHER]
        elif base == str(source / "arch"):
            names[:] = [arch]
        yield from (Path(base, name) for name in files if name.endswith(".c"))


def _option_of(path: Path) -> str | None:
    """Return the option that builds a source file, by the Makefile beside it."""
    makefile = find_makefile(path.parent)
    if makefile is None:
        return None
    text = makefile.read_text(errors="replace").replace("\\\n", " ")
    if option := _gate_of(text, path.stem):
        return option
    composite = re.search(
        rf"^([\w-]+)-(?:y|objs|\$\(CONFIG_\w+\))\s*[:+]?=.*\b{re.escape(path.stem)}\.o\b", text, re.MULTILINE
    )
    return _gate_of(text, composite[1]) if composite else None


def _gate_of(text: str, stem: str) -> str | None:
    found = re.search(
        rf"^[\w-]+-\$\(CONFIG_(\w+)\)\s*[:+]?=.*(?<![\w-]){re.escape(stem)}\.o\b", text, re.MULTILINE
    )
    return found[1] if found else None
