"""Which file each function of a kernel comes from, by its debug information or its source.

    python -m rustbed.symbols.origins FILE-OR-DIRECTORY... > origins.txt

A file is a vmlinux or a module with debug information, of any release and architecture, or a table that was
made before, so that kernels can be added one by one. A directory is a kernel's source: it adds functions that
no debug information has, such as those of old releases. Facts of those functions are kept that rules of
harness/log/families/places.py speak of.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from rustbed import process
from rustbed.log.families.places import KEPT, TREE, find_roles, is_kept

# what of a path is the kernel's: compilers saw it anywhere
_ROOT = re.compile(rf".*?(?={TREE})")
_QUOTED = re.compile(r'DW_AT_(name|decl_file)\t\("(.*)"\)')
# copies of functions that run before the kernel does
_BEFORE = re.compile(r"arch/[^/]+/(?:boot|purgatory)/|drivers/firmware/")
# files that may define functions of one name without making it ambiguous, in kernels as they are built
_MOST = 4
# roles in a report that is being printed
_REPORTING = frozenset({"checking", "reporting", "exceptions"})
# what runs beside the kernel, in a tree
_BESIDE = re.compile(r"arch/um/|tools/|samples/|scripts/|Documentation/|usr/")
# checks during a build declare functions that nothing defines, numbered differently in each kernel
_SYMBOL = re.compile(r"(?!__compiletime_assert_\d)[A-Za-z_]\w*")


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


def read_tags(lines: Iterable[str]) -> dict[str, set[str]]:
    """Return the files of each function in what Universal Ctags prints of a source tree."""
    found: dict[str, set[tuple[bool, str]]] = defaultdict(set)
    for line in lines:
        name, path, *rest = line.rstrip("\n").split("\t")
        if _SYMBOL.fullmatch(name) and not _BESIDE.match(path):
            found[name].add(("file:" not in rest, path))
    return {name: _choose(places) for name, places in found.items()}


def select(
    kernels: Iterable[Mapping[str, set[str]]], trees: Iterable[Mapping[str, set[str]]] = ()
) -> dict[str, str]:
    """Return the file of each function whose files all do the same for others, or one of them only that.

    What kernels as they are built say counts. A tree has all architectures and drivers, of which
    none has all; it is asked about the other names.
    """
    built, written = _merge(kernels), _merge(trees)
    chosen = {name: path for name, paths in built.items() if len(paths) <= _MOST and (path := _agree(paths))}
    chosen |= {name: path for name, paths in written.items() if name not in built and (path := _agree(paths))}
    return {name: path for name, path in chosen.items() if not KEPT.fullmatch(name) or is_kept(path)}


def _merge(kernels: Iterable[Mapping[str, set[str]]]) -> dict[str, set[str]]:
    merged: dict[str, set[str]] = defaultdict(set)
    for kernel in kernels:
        for name, paths in kernel.items():
            merged[name] |= paths
    return {
        name: {path for path in _without_headers(paths) if not _BEFORE.match(path)}
        for name, paths in merged.items()
    }


def _agree(paths: Set[str]) -> str:
    """Return one of some files that does for others what they all do, "" if they have nothing in common.

    kernel/time/timer.c runs timers and had schedule_timeout(), which has a file of its own now. Handlers of
    exceptions print reports on some architectures, and have the names of what does nothing else on others.
    """
    roles = {path: find_roles(path) for path in paths}
    if not roles or not all(roles.values()):
        return ""
    if all(own <= _REPORTING for own in roles.values()):
        return min(paths, key=lambda path: ("exceptions" in roles[path], "checking" not in roles[path], path))
    common = frozenset.intersection(*roles.values())
    return min((path for path, own in roles.items() if own == common), default="") if common else ""


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
            for name in filter(_SYMBOL.fullmatch, line.split()):
                found[name].add(path)
        elif not line.startswith("#"):
            path = line
    return dict(found)


def _read(path: str) -> tuple[dict[str, set[str]], list[str]]:
    """Return the files of functions that a file or a tree tells, and what it is made from."""
    if Path(path).is_dir():
        return read_tags(_list_tags(path)), [f"source of {path}"]
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


def _list_tags(tree: str) -> Iterator[str]:
    program = process.require_program("ctags", package="universal-ctags")
    what = ["--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=f", "--pattern-length-limit=1"]
    argv = [program, *what, "--sort=no", "--tag-relative=always", "-R", "-f", "-", "."]
    with process.start(argv, stdout=process.PIPE, cwd=Path(tree)) as tags:
        for line in tags.stdout or ():
            if not line.startswith(b"!"):
                yield line.decode(errors="replace").replace("\t./", "\t", 1)


def main(paths: Sequence[str]) -> int:
    """Print the table of some files and trees."""
    found = {path: _read(path) for path in paths}
    sources = dict.fromkeys(source for _, sources in found.values() for source in sources)
    trees = {path: names for path, (names, _) in found.items() if Path(path).is_dir()}
    kernels = [names for path, (names, _) in found.items() if path not in trees]
    sys.stdout.write(render(select(kernels, trees.values()), list(sources)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
