"""Results to a table of drivers: by architecture, what passed, fails as known, is skipped and why. Pure.

A test is one of a driver if it needs that driver: the marker `needs`, which results files have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rustbed.kernel.rustdrivers import RustDriver
from rustbed.report.about import LIFE, NEEDS
from rustbed.report.coverage import CoveredFile
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

_WORDS = {Outcome.PASS: "passed", Outcome.SKIP: "skipped"}
_QUIET = frozenset({Outcome.PASS, Outcome.XFAIL, Outcome.SKIP})
# what a cell says without results: of the driver on this architecture, and at all
_NOT_RUN, _NO_TEST = "not run", "no test"

_INTRO = """\
# Every Rust driver of the kernel's tree

{tried} of {all} have a test that ran, on Linux {kernels}. `rustbed drivers` printed this page; do not edit it. To make it again:

    pytest tests/drivers -n 2 --coverage
    rustbed life rust_minimal                    # and others
    rustbed drivers results/ results/mutants-*.jsonl >docs/drivers.md

The drivers are those that the Makefiles of the kernel's source name. A test belongs to the drivers that its marker `needs` names; its newest result counts.

| word | |
| --- | --- |
| xfail | fails as a known bug of the kernel makes it |
| not run | no results for this architecture |
| no test | no results for any |
| life | steps of [a driver's life](life.md), on all architectures |
| lines | those that [ran](coverage.md), of those that have code |
| mutants | those that [the tests noticed](life.md#would-the-tests-notice) |

"""  # noqa: E501 - paragraphs of a page


@dataclass(frozen=True, kw_only=True)
class Row:
    """A driver, and what is known of it."""

    driver: RustDriver
    # of its tests; and of the steps of its life
    tests: tuple[Result, ...] = ()
    life: tuple[Result, ...] = ()
    # how many of how many: lines that ran, mutants that were noticed
    lines: tuple[int, int] | None = None
    mutants: tuple[int, int] | None = None
    # what has to hold for its option to be there
    depends: tuple[str, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether a test of it is red, or could not be judged."""
        return any(result.outcome not in _QUIET for result in (*self.tests, *self.life))

    @property
    def is_tried(self) -> bool:
        """Whether a test of it ran."""
        return any(result.outcome is not Outcome.SKIP for result in (*self.tests, *self.life))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of drivers, besides the tests' results."""

    # those with lines that ran
    covered: Sequence[CoveredFile] = ()
    # by the name of a source file: how many mutants of how many were noticed
    mutants: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # by option: what has to hold for it
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make_rows(
    drivers: Sequence[RustDriver], results: Iterable[Result], evidence: Evidence
) -> tuple[Row, ...]:
    """Return a row for each driver."""
    listed = tuple(results)
    return tuple(
        Row(
            driver=driver,
            tests=tuple(result for result in listed if _is_about(driver, result)),
            life=tuple(result for result in listed if driver.is_named(result.properties.get(LIFE, ""))),
            lines=_count_lines(driver, drivers, evidence.covered),
            mutants=evidence.mutants.get(driver.source.rpartition("/")[2]),
            depends=evidence.depends.get(driver.option, ()),
        )
        for driver in drivers
    )


def _is_about(driver: RustDriver, result: Result) -> bool:
    needed = result.properties.get(NEEDS, "").split()
    return LIFE not in result.properties and any(driver.is_named(name) for name in needed)


def _count_lines(
    driver: RustDriver, drivers: Iterable[RustDriver], files: Iterable[CoveredFile]
) -> tuple[int, int] | None:
    """Return how many lines of a driver ran, of how many; None if that is not known.

    Its first file is its own, and so are those beside and below that, unless another driver begins there.
    """
    place = driver.source.rpartition("/")[0]
    is_shared = any(other != driver and other.source.rpartition("/")[0] == place for other in drivers)
    own = f"/{driver.source}" if is_shared else f"/{place}/"
    found = [file for file in files if own in str(file.path) and file.path.suffix == ".rs"]
    return (sum(file.ran for file in found), sum(len(file.lines) for file in found)) if found else None


def render_drivers(rows: Sequence[Row], arches: Sequence[str], releases: Iterable[str]) -> str:
    """Return a page in Markdown: the table, then what is behind its cells."""
    header = ["driver", *arches, "life", "lines", "mutants"]
    lines = [_line(header), _line(["---"] * len(header))]
    lines += [_line(_cells(row, arches)) for row in rows]
    told = [note for row in rows for note in _notes(row)]
    return _intro(rows, releases) + "\n".join([*lines, "", "## Why", "", *told, ""])


def _intro(rows: Sequence[Row], releases: Iterable[str]) -> str:
    tried = sum(row.is_tried for row in rows)
    kernels = ", ".join(sorted({release.partition("-")[0] for release in releases if release})) or "no kernel"
    return _INTRO.format(tried=tried, all=len(rows), kernels=kernels)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row, arches: Sequence[str]) -> Iterator[str]:
    yield f"`{row.driver.name}`"
    for arch in arches:
        yield _tally(result for result in row.tests if result.arch == arch) or (
            _NOT_RUN if row.tests or row.life else _NO_TEST
        )
    yield _tally(row.life)
    yield f"{100 * row.lines[0] // row.lines[1]} %" if row.lines and row.lines[1] else ""
    yield f"{row.mutants[0]} of {row.mutants[1]}" if row.mutants else ""


def _tally(results: Iterable[Result]) -> str:
    """Return how often each outcome was, the gravest first; what is red stands out."""
    counts = Counter(result.outcome for result in results)
    texts = ((outcome, f"{counts[outcome]} {_WORDS.get(outcome, outcome)}") for outcome in Outcome)
    return ", ".join(
        text if outcome in _QUIET else f"**{text}**" for outcome, text in texts if counts[outcome]
    )


def _notes(row: Row) -> Iterator[str]:
    """Yield why tests of a driver are not green, each reason once; and why it was not tried at all."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for result in (*row.tests, *row.life):
        if result.outcome is not Outcome.PASS:
            word = _WORDS.get(result.outcome, result.outcome.value)
            reasons.setdefault((word, " ".join(result.title.split())), set()).add(result.arch)
    for (word, reason), arches in reasons.items():
        yield f"- `{row.driver.name}`, {word} on {', '.join(sorted(arches))}: {_escaped(reason)}"
    if not row.is_tried:
        needs = ", ".join(f"`{each}`" for each in row.depends) or "nothing that is unusual"
        yield f"- `{row.driver.name}` was not tried: CONFIG_{row.driver.option} depends on {needs}"


def _escaped(text: str) -> str:
    """Return text as Markdown shows it: angle brackets would be HTML."""
    return text.replace("<", "&lt;").replace("|", "\\|")
