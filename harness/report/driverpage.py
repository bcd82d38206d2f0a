"""Parses an earlier page of drivers. It fills cells that have no new results. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# cells without a result: of a driver on this architecture, and on all
NOT_RUN, NO_TEST = "not run", "no test"
SILENT = frozenset({"", NOT_RUN, NO_TEST})
# beginning of the reason of a step of a life, as opposed to a test
LIFE_NOTE = "life "

_NOTE = re.compile(r"- `(?P<name>[^`]+)`, (?P<word>[^:]+?) on (?P<arches>[^:]+): (?P<reason>.*)")
_RELEASES = re.compile(r" on Linux (?P<releases>[^ ]+(?:, [^ ]+)*)\. ")


@dataclass(frozen=True, kw_only=True)
class Note:
    """A reason why tests of a driver are not green."""

    word: str
    arches: frozenset[str]
    # in Markdown
    reason: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """The contents of a page."""

    # by the first cell of a row, and by column
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # by driver
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    releases: tuple[str, ...] = ()

    def filled(self, name: str, columns: Iterable[str], cells: Iterable[str]) -> list[str]:
        """Return the cells of a row, with the words of this page for cells without a result."""
        before = self.cells.get(name, {})
        return [
            before.get(column, cell) if cell in SILENT else cell
            for column, cell in zip(columns, cells, strict=True)
        ]


def parse_page(text: str) -> Page:
    """Parse a page; other text gives no rows."""
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
    """Yield earlier notes on architectures for which a driver has no results, of tests or of a life."""
    with_results = {False: frozenset(tested), True: frozenset(lived)}
    for note in notes:
        if left := note.arches - with_results[note.word.startswith(LIFE_NOTE)]:
            yield Note(word=note.word, arches=left, reason=note.reason)
