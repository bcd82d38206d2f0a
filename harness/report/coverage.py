"""Renders which lines of drivers ran: a table, lcov's tracefile, annotations, a page. Pure, but for reading.

The count of a line is the number of machines in which it ran, of all architectures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from rustbed import runfiles
from rustbed.errors import UsageError
from rustbed.escape import html_text as escape
from rustbed.escape import one_line, workflow_text

_PAGE = Template((Path(__file__).parent / "coverage.html").read_text(encoding="utf-8"))
_HEADER = ("file", "lines", "ran", "", "did not run")


@dataclass(frozen=True, kw_only=True)
class CoveredFile:
    """One file of a driver."""

    # path for people
    name: str
    path: Path
    # for each line with code: in how many machines it ran
    lines: Mapping[int, int]

    @property
    def missed(self) -> list[int]:
        """The lines that did not run."""
        return sorted(number for number, count in self.lines.items() if not count)

    @property
    def ran(self) -> int:
        """How many lines ran."""
        return len(self.lines) - len(self.missed)


def covered_files(
    counts: Mapping[tuple[str, int], int], paths: Mapping[str, Path]
) -> tuple[CoveredFile, ...]:
    """Return the covered files, with the number of machines in which each line ran."""
    lines: dict[str, dict[int, int]] = {}
    for (name, number), count in sorted(counts.items()):
        lines.setdefault(name, {})[number] = count
    return tuple(CoveredFile(name=name, path=paths[name], lines=found) for name, found in lines.items())


def percent(ran: int, lines: int) -> str:
    """Render a percentage, rounded down so that 100 % means all lines."""
    return f"{100 * ran // lines} %" if lines else "-"


def render_table(files: Iterable[CoveredFile]) -> list[str]:
    """Return the lines of a table: a row for each file, and one for all if there are several."""
    listed = list(files)
    rows = [(file.name, len(file.lines), file.ran, render_spans(file.missed)) for file in listed]
    if len(rows) > 1:
        rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows), ""))
    cells = [(name, str(lines), str(ran), percent(ran, lines), missed) for name, lines, ran, missed in rows]
    rows_shown = [_HEADER, *cells]
    widths = [max(len(row[column]) for row in rows_shown) for column in range(len(_HEADER))]
    return [
        "  ".join([name.ljust(widths[0]), *map(str.rjust, numbers, widths[1:]), missed]).rstrip()
        for name, *numbers, missed in rows_shown
    ]


def find_spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers; `numbers` are sorted."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return spans


def render_spans(numbers: Iterable[int]) -> str:
    """Render sorted numbers for people: 3-5, 9."""
    return ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in find_spans(numbers)
    )


def render_lcov(files: Iterable[CoveredFile]) -> str:
    """Render lcov's tracefile (geninfo(1), "TRACEFILE FORMAT")."""
    return "".join(line + "\n" for file in files for line in _trace(file))


def _trace(file: CoveredFile) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{file.path}"
    yield from (f"DA:{number},{count}" for number, count in sorted(file.lines.items()))
    yield f"LF:{len(file.lines)}"
    yield f"LH:{file.ran}"
    yield "end_of_record"


def render_annotations(files: Iterable[CoveredFile], root: Path) -> str:
    """Render GitHub's notices for the lines below `root` that no test ran."""
    lines = []
    for file in files:
        if not file.path.is_relative_to(root):
            continue
        place = workflow_text(one_line(str(file.path.relative_to(root))), is_property=True)
        lines += [
            f"::notice file={place},line={first},endLine={last},title=did not run::no test ran this"
            for first, last in find_spans(file.missed)
        ]
    return "".join(f"{line}\n" for line in lines)


def load_covered(paths: Iterable[Path]) -> Iterator[CoveredFile]:
    """Yield the files of the tracefiles in directories of results. Raises UsageError."""
    for path in paths:
        for file in sorted(path.rglob(runfiles.COVERAGE)) if path.is_dir() else ():
            try:
                yield from parse_lcov(file.read_text(errors="replace"))
            except (OSError, ValueError) as error:
                raise UsageError(f"cannot read {file}: {error}") from error


def parse_lcov(text: str) -> tuple[CoveredFile, ...]:
    """Return the files with lines of an lcov tracefile, which may come from any producer."""
    files = []
    for record in text.split("end_of_record"):
        fields = [line.partition(":")[::2] for line in record.splitlines()]
        path = next((value for key, value in fields if key == "SF"), "")
        counts = [value.split(",") for key, value in fields if key == "DA"]
        if path and counts:
            lines = {int(number): int(count) for number, count, *_ in counts}
            files.append(CoveredFile(name=path, path=Path(path), lines=lines))
    return tuple(files)


def render_page(files: Iterable[CoveredFile], sources: Mapping[Path, str], notes: Iterable[str]) -> str:
    """Render the page; `sources` has the text of each file that was found."""
    listed = list(files)
    lines, ran = sum(len(file.lines) for file in listed), sum(file.ran for file in listed)
    rows = "".join(
        f'<tr><th scope="row"><a href="#file-{number}">{escape(file.name)}</a></th><td>{len(file.lines)}</td>'
        f"<td>{file.ran}</td><td>{percent(file.ran, len(file.lines))}</td></tr>"
        for number, file in enumerate(listed, start=1)
    )
    parts = (
        f'<section id="file-{number}"><h2>{escape(file.name)}</h2>'
        f"<pre>{_listing(file, sources)}</pre></section>"
        for number, file in enumerate(listed, start=1)
    )
    return _PAGE.substitute(
        title=f"rustbed: {ran} of {lines} lines ran",
        notes="".join(f"<li>{escape(note)}</li>" for note in notes),
        rows=rows,
        files="\n".join(parts),
    )


def _listing(file: CoveredFile, sources: Mapping[Path, str]) -> str:
    """Render a file's lines, with the number of machines in which each ran."""
    texts = dict(enumerate(sources.get(file.path, "").splitlines(), start=1))
    shown = sorted({*texts, *file.lines})
    return "\n".join(_line(number, file.lines.get(number), texts.get(number, "")) for number in shown)


def _line(number: int, count: int | None, text: str) -> str:
    look = "" if count is None else ' class="ran"' if count else ' class="missed"'
    told = "" if count is None else str(count)
    return f"<span{look}>{number:>5} {told:>5}  {escape(text)}</span>"
