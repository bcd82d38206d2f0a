"""Which file each function of a kernel comes from, by the kernel's own debug information.

    python -m rustbed.symbols.origins FILE... > origins.txt

A file is a vmlinux or a module with debug information, of any release and architecture, or a table that was
made before, so that kernels can be added one by one. Facts of those functions are kept that rules of
harness/log/families/places.py speak of.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rustbed import process
from rustbed.log.families.places import KEPT, find_roles

# what of a path is the kernel's: compilers saw it anywhere
_ROOT = re.compile(
    r".*?(?=(?:arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|security|sound"
    r"|virt)/)"
)
_QUOTED = re.compile(r'DW_AT_(name|decl_file)\t\("(.*)"\)')
# copies of functions that run before the kernel does
_BEFORE = re.compile(r"arch/[^/]+/(?:boot|purgatory)/|drivers/firmware/")
# files that may define functions of one name without making it ambiguous
_MOST = 4
_SYMBOL = re.compile(r"[A-Za-z_]\w*")


@dataclass(kw_only=True)
class _Entry:
    facts: dict[str, str] = field(default_factory=dict)
    external: bool = False


def read_functions(lines: Iterable[str]) -> dict[str, set[str]]:
    """Return the files of each function in what llvm-dwarfdump prints.

    A definition that others may call counts more than static ones of its name, and a source file more
    than a header, which may only declare it.
    """
    found: dict[str, set[tuple[bool, str]]] = defaultdict(set)
    for entry in _entries(lines):
        if {"name", "decl_file"} <= entry.facts.keys() and _SYMBOL.fullmatch(entry.facts["name"]):
            found[entry.facts["name"]].add((entry.external, _ROOT.sub("", entry.facts["decl_file"], count=1)))
    return {name: _choose(places) for name, places in found.items()}


def _entries(lines: Iterable[str]) -> Iterator[_Entry]:
    """Yield each function's entry."""
    entry: _Entry | None = None
    for line in lines:
        if line.startswith("0x"):
            if entry is not None:
                yield entry
            entry = _Entry() if "DW_TAG_subprogram" in line else None
        elif entry is not None and "DW_AT_external" in line:
            entry.external = True
        elif entry is not None and (match := _QUOTED.search(line)):
            entry.facts[match[1]] = match[2]
    if entry is not None:
        yield entry


def _choose(places: Iterable[tuple[bool, str]]) -> set[str]:
    external = {path for is_external, path in places if is_external}
    return _without_headers(external or {path for _, path in places})


def _without_headers(paths: set[str]) -> set[str]:
    return {path for path in paths if not path.endswith(".h")} or paths


def select(kernels: Iterable[Mapping[str, set[str]]]) -> dict[str, str]:
    """Return the file of each function whose files all do the same for others, in several kernels."""
    merged: dict[str, set[str]] = defaultdict(set)
    for kernel in kernels:
        for name, paths in kernel.items():
            merged[name] |= paths
    chosen = {}
    for name, paths in merged.items():
        own = {path for path in _without_headers(paths) if not _BEFORE.match(path)}
        roles = {find_roles(path) for path in own}
        is_clear = len(own) <= _MOST and len(roles) == 1 and roles != {frozenset()}
        if is_clear and not KEPT.fullmatch(name):
            chosen[name] = min(own)
    return chosen


def render(chosen: Mapping[str, str], sources: Sequence[str]) -> str:
    """Render the table: a line is a file, the indented ones below are its functions."""
    files: dict[str, list[str]] = defaultdict(list)
    for name, path in chosen.items():
        files[path].append(name)
    parts = ["# functions by the file they come from, made by harness/symbols/origins.py"]
    parts += [f"# from {source}" for source in sources]
    for path in sorted(files):
        parts.append(path)
        parts += textwrap.wrap(" ".join(sorted(files[path])), 108, initial_indent=" ", subsequent_indent=" ")
    return "\n".join([*parts, ""])


def parse_table(text: str) -> dict[str, set[str]]:
    """Return the file of each function of a table that `render` made."""
    found: dict[str, set[str]] = defaultdict(set)
    path = ""
    for line in text.splitlines():
        if line.startswith(" "):
            for name in line.split():
                found[name].add(path)
        elif not line.startswith("#"):
            path = line
    return dict(found)


def _read(path: str) -> tuple[dict[str, set[str]], list[str]]:
    """Return the files of functions that a file tells, and what it is made from."""
    with Path(path).open("rb") as file:
        is_elf = file.read(4) == b"\x7fELF"
    if is_elf:
        return read_functions(_dump(path)), [path]
    text = Path(path).read_text()
    return parse_table(text), re.findall(r"^# from (.*)$", text, re.MULTILINE)


def _dump(path: str) -> Iterator[str]:
    program = process.require_program("llvm-dwarfdump", package="llvm")
    with process.start([program, "--debug-info", path], stdout=process.PIPE) as dump:
        yield from (line.decode(errors="replace") for line in dump.stdout or ())


def main(paths: Sequence[str]) -> int:
    """Print the table of some files."""
    found = [_read(path) for path in paths]
    sources = dict.fromkeys(source for _, sources in found for source in sources)
    sys.stdout.write(render(select(kernel for kernel, _ in found), list(sources)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
