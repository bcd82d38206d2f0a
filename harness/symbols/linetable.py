"""Reads the line table of a module: which lines of source its code comes from.

Other lookups begin at an address that the kernel printed. Here every row of the table is looked up, and
counts for each function that is inlined there, so also for the driver's own line with the call. When the
kernel printed a line and no address, its functions are found by the rows of that line.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os.path import normpath
from pathlib import Path

from rustbed import process
from rustbed.kernel.elf import parse_elf
from rustbed.log.symbolize import Place, same_file
from rustbed.symbols.debugfiles import DebugFile, DebugFiles, SourceTree, read_build_id
from rustbed.symbols.functions import Functions, lay_out
from rustbed.symbols.symbolizer import place_of, symbolize

# seconds for the line table of the largest driver
_TABLE_S = 60.0
_ROW = re.compile(r"0x([0-9a-f]{16}) +\d+ .*?(end_sequence)?\s*$")
# directories of the kernel's tree whose code comes into drivers from elsewhere
_SHARED = re.compile(r"rust/|(?:.*/)?include/")


Ranges = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Code of one line, and of the lines that call it where it is inlined."""

    section: str
    # offsets of its first byte, and of the one behind its last
    begin: int
    end: int
    # of the driver's own sources: file, by its name, and line
    lines: frozenset[tuple[str, int]]
    # where its function, and those inlined there, are declared; names may be those of labels
    function: tuple[str, int] = ("", 0)
    inlined: frozenset[tuple[str, int]] = frozenset()

    def ran(self, ranges: Ranges) -> bool:
        """Whether a part of it is in the ranges that ran: sorted, separate offsets by section."""
        spans = ranges.get(self.section, ())
        at = bisect_left(spans, (self.end, 0)) - 1
        return at >= 0 and spans[at][1] > self.begin


@dataclass(frozen=True, kw_only=True)
class LineTable:
    """The rows of one module that have lines of its own sources."""

    rows: tuple[Row, ...]
    # by the name of each such file: where it is
    sources: Mapping[str, Path]


def count_lines(runs: Iterable[tuple[LineTable, Ranges]]) -> dict[tuple[str, int], int]:
    """Return the lines that have code, each with the number of runs in which some of it ran.

    A run is what ran of one module in one machine. Compilers keep a copy of a function that is inlined
    wherever it is called: such a copy never runs, and has lines that are nowhere else.
    """
    each = [(table, [row for row in table.rows if row.ran(ranges)]) for table, ranges in runs]
    ran = [row for _, rows in each for row in rows]
    unused = {each for row in ran for each in row.inlined} - {row.function for row in ran}
    counts: Counter[tuple[str, int]] = Counter()
    for table, rows in each:
        for row in table.rows:
            if row.function not in unused:
                counts.update(dict.fromkeys(row.lines, 0))
        counts.update(set().union(*(row.lines for row in rows)))
    return dict(counts)


def parse_rows(text: str) -> list[tuple[int, int]]:
    """Parse the output of llvm-dwarfdump --debug-line: the address of each row, and of the next one."""
    spans, begin = [], None
    for line in text.splitlines():
        if (row := _ROW.match(line)) is None:
            continue
        address = int(row[1], 16)
        if begin is not None and begin < address:
            spans.append((begin, address))
        begin = None if row[2] else address
    return sorted(set(spans))


def read_table(file: DebugFile, files: DebugFiles) -> LineTable:
    """Return the lines of a module.

    Raises HostError if LLVM's programs do not run, and ValueError for a file that was built again, or that
    has no lines.
    """
    if file.build_id and read_build_id(file.path) != file.build_id:
        raise ValueError(f"{file.path.name} was built again since, its build id differs")
    data = lay_out(file.path.read_bytes())
    with _laid_out(data) as path:
        spans = parse_rows(_dump(path, files))
        answers = symbolize(files.symbolizer, [(path, begin) for begin, _ in spans])
    if not spans:
        raise ValueError(f"{file.path.name} has no debug information")
    trees, sections = files.own_sources(file), parse_elf(data).sections
    sources: dict[str, Path] = {}
    rows = []
    for (begin, end), levels in zip(spans, answers, strict=True):
        found = [
            (own, level.line) for level in levels if level.line and (own := _find_own(level.file, trees))
        ]
        sources |= dict(own for own, _ in found)
        section = next(
            (each for each in sections if each.allocated and 0 <= begin - each.address < each.size), None
        )
        if found and section is not None:
            rows.append(
                Row(
                    section=section.name,
                    begin=begin - section.address,
                    end=end - section.address,
                    lines=frozenset((name, line) for (name, _), line in found),
                    function=levels[-1].declared,
                    inlined=frozenset(level.declared for level in levels[:-1]),
                )
            )
    return LineTable(rows=tuple(rows), sources=sources)


def find_functions(file: DebugFile, files: DebugFiles, said: Place) -> frozenset[Place]:
    """Return the functions of a module with code of a printed line; none if the module was built again.

    Raises HostError if LLVM's programs do not run, and ValueError for a file that is not an object file.
    """
    contents = file.path.read_bytes()
    is_another = file.build_id and read_build_id(file.path) != file.build_id
    if is_another or Path(said.file).name.encode() not in contents:
        return frozenset()
    data = lay_out(contents)
    functions = Functions(data)
    with _laid_out(data) as path:
        addresses = [begin for begin, _ in parse_rows(_dump(path, files))]
        answers = symbolize(files.symbolizer, [(path, address) for address in addresses])
    sources, made_ns = files.sources_of(file), file.path.stat().st_mtime_ns
    found = set()
    for address, levels in zip(addresses, answers, strict=True):
        # llvm-symbolizer takes a nearer label for the name of the outermost function
        outermost = [replace(level, symbol=functions.around(address)[0]) for level in levels[-1:]]
        found |= {
            place_of(level, sources, made_ns)
            for level in (*levels[:-1], *outermost)
            if level.line == said.line and same_file(level.file, said.file)
        }
    return frozenset(found)


@contextmanager
def _laid_out(data: bytes) -> Iterator[Path]:
    """Yield a temporary file with the module, in which its sections have addresses."""
    with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
        path = Path(scratch, "module.ko")
        path.write_bytes(data)
        yield path


def _dump(path: Path, files: DebugFiles) -> str:
    """Return a file's line table as llvm-dwarfdump prints it."""
    dump = [*_beside(files.symbolizer), "--debug-line", str(path)]
    return process.run(dump, attempted="reading a table of lines", timeout_s=_TABLE_S).text


def _beside(symbolizer: Sequence[str]) -> tuple[str, ...]:
    """Return the command of llvm-dwarfdump, which comes with llvm-symbolizer."""
    *before, program = symbolizer
    return (*before, program.replace("llvm-symbolizer", "llvm-dwarfdump"))


def _find_own(seen: str, trees: Sequence[SourceTree]) -> tuple[str, Path] | None:
    """Return the name and path of a source of the driver itself; None for any other source."""
    seen = normpath(seen) if seen else ""
    for tree in trees:
        if seen.startswith(f"{tree.seen}/"):
            name = seen.removeprefix(f"{tree.seen}/")
            if not tree.named and _SHARED.match(name):
                return None
            # a person opens the author's file, not its copy
            author = Path.cwd() / tree.named / name
            return str(
                Path(tree.named, name)
            ), author if tree.named and author.is_file() else tree.here / name
    return None
