"""An earlier page of drivers to what it says: where results say nothing, that counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# cells that say nothing: of a driver on this architecture, and at all
NOT_RUN, NO_TEST = "not run", "no test"
SILENT = frozenset({"", NOT_RUN, NO_TEST})
# begins the reason of a step of a life, and not of a test
LIFE_NOTE = "life "

_NOTE = re.compile(r"- `(?P<name>[^`]+)`, (?P<word>[^:]+?) on (?P<arches>[^:]+): (?P<reason>.*)")
_RELEASES = re.compile(r" on Linux (?P<releases>[^ ]+(?:, [^ ]+)*)\. ")


@dataclass(frozen=True, kw_only=True)
class Note:
    """Why tests of a driver are not green."""

    word: str
    arches: frozenset[str]
    # as Markdown has it
    reason: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page says."""

    # by the first cell of a row, and by column
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # by driver
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    releases: tuple[str, ...] = ()

    def filled(self, name: str, columns: Iterable[str], cells: Iterable[str]) -> list[str]:
        """Return the cells of a row, those that say nothing as this page has them."""
        before = self.cells.get(name, {})
        return [
            before.get(column, cell) if cell in SILENT else cell
            for column, cell in zip(columns, cells, strict=True)
        ]


def parse_page(text: str) -> Page:
    """Return what a page says; other text has no rows."""
    cells: dict[str, dict[str, str]] = {}
    notes: dict[str, list[Note]] = {}
    header: list[str] = []
    for line in text.splitlines():
        row = [cell.strip() for cell in line[1:-1].split(" | ")] if line.startswith("| ") else []
        if not row:
            header = []
        elif not header:
            header = row
        elif row[0].startswith("`") and len(row) == len(header):
            cells[row[0].strip("`")] = dict(zip(header[1:], row[1:], strict=True))
        if match := _NOTE.fullmatch(line):
            notes.setdefault(match["name"], []).append(_note(match))
    told = _RELEASES.search(text)
    return Page(
        cells=cells,
        notes={name: tuple(each) for name, each in notes.items()},
        releases=tuple(told["releases"].split(", ")) if told else (),
    )


def _note(match: re.Match[str]) -> Note:
    return Note(word=match["word"], arches=frozenset(match["arches"].split(", ")), reason=match["reason"])


def find_standing(notes: Iterable[Note], tested: Iterable[str], lived: Iterable[str]) -> Iterator[Note]:
    """Yield what earlier notes say of architectures that a driver has no results of, tests' or a life's."""
    with_results = {False: frozenset(tested), True: frozenset(lived)}
    for note in notes:
        if left := note.arches - with_results[note.word.startswith(LIFE_NOTE)]:
            yield Note(word=note.word, arches=left, reason=note.reason)
