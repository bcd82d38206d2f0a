"""From results to a table of drivers: by architecture, which tests passed, xfailed or were skipped. Pure.

A test belongs to a driver if it built the driver, or needs it by the marker `needs`. Results files have both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rustbed.kernel.rustdrivers import RustDriver
from rustbed.report.about import BUILT, LIFE, NEEDS
from rustbed.report.coverage import CoveredFile
from rustbed.report.driverpage import LIFE_NOTE, NO_TEST, NOT_RUN, Page, find_standing
from rustbed.report.ktap import KUNIT
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

_WORDS = {Outcome.PASS: "passed", Outcome.SKIP: "skipped"}
_QUIET = frozenset({Outcome.PASS, Outcome.XFAIL, Outcome.SKIP})
_NOT_TRIED = frozenset({Outcome.SKIP, Outcome.ERROR})

_TREE = """\
# Every Rust driver of the kernel's tree

{tried} of {all} have a test that ran, on Linux {kernels}. `rustbed drivers` printed this page; do not edit it. To make it again:

    pytest tests/drivers -n 2 --coverage
    rustbed life rust_minimal                    # and others
    rustbed drivers --tree --earlier docs/drivers.md results/ results/mutants-*.jsonl >new.md

The drivers are those that the Makefiles of the kernel's source name. A test belongs to the drivers that its marker `needs` names; its newest result counts,
and where there is none, that of the page as it was before.

| word | |
| --- | --- |
| xfail | fails as a known bug of the kernel makes it |
| not run | no results for this architecture |
| no test | no results for any |
| life | steps of [a driver's life](life.md), on all architectures |
| lines | those that [ran](coverage.md), of those that have code |
| mutants | those that [the tests noticed](life.md#would-the-tests-notice) |

"""  # noqa: E501 - paragraphs of a page

_TESTED = """\
# Drivers

{tried} of {all} have a test that ran, on Linux {kernels}. First come those that tests had built, then those of the kernel's tree that tests need.

| word | |
| --- | --- |
| xfail | fails as it is known to |
| not run | no results for this architecture |
| life | steps of the driver's life, on all architectures: `rustbed life DIR` |
| lines | those that ran, of those that have code: `pytest --coverage` |
| mutants | wrong lines that the tests noticed: `rustbed mutate DIR` |

"""  # noqa: E501 - as above


@dataclass(frozen=True, kw_only=True)
class Row:
    """A driver, with the facts about it."""

    driver: RustDriver
    # results of its tests, and of the steps of its life
    tests: tuple[Result, ...] = ()
    life: tuple[Result, ...] = ()
    # pairs of part and total: lines that ran, mutants that were noticed
    lines: tuple[int, int] | None = None
    mutants: tuple[int, int] | None = None
    # dependencies of its option
    depends: tuple[str, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether one of its tests is red or has no verdict."""
        return any(result.outcome not in _QUIET for result in (*self.tests, *self.life))

    @property
    def is_tried(self) -> bool:
        """Whether one of its tests ran."""
        return any(result.outcome not in _NOT_TRIED for result in (*self.tests, *self.life))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Facts about drivers besides the results of tests."""

    # those with lines that ran
    covered: Sequence[CoveredFile] = ()
    # by the name of a source file: number of mutants that were noticed, and of all
    mutants: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    # by option: its dependencies
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make_rows(
    drivers: Sequence[RustDriver], results: Iterable[Result], evidence: Evidence
) -> tuple[Row, ...]:
    """Return a row for each driver."""
    listed = tuple(results)
    about = {driver: tuple(_find_about(driver, listed)) for driver in drivers}
    return tuple(
        Row(
            driver=driver,
            tests=tuple(result for result in about[driver] if LIFE not in result.properties),
            life=tuple(result for result in about[driver] if LIFE in result.properties),
            lines=_count_lines(driver, drivers, evidence.covered),
            mutants=evidence.mutants.get(driver.source.rpartition("/")[2]),
            depends=evidence.depends.get(driver.option, ()),
        )
        for driver in drivers
    )


def find_built(results: Iterable[Result], covered: Iterable[CoveredFile]) -> tuple[RustDriver, ...]:
    """Return the drivers that tests built from directories of their own."""
    begun = {file.path.stem.replace("-", "_"): file.path for file in covered if file.path.suffix == ".rs"}
    names = sorted({name for result in results for name in _built_for(result)})
    return tuple(
        RustDriver(name=name, option="", source=str(begun.get(name, Path(f"{name}.rs"))).lstrip("/"))
        for name in names
    )


def find_needed(drivers: Iterable[RustDriver], results: Sequence[Result]) -> tuple[RustDriver, ...]:
    """Return those drivers of the tree that tests need, or that `life` tested."""
    return tuple(driver for driver in drivers if any(_find_about(driver, results)))


def _built_for(result: Result) -> list[str]:
    return result.properties.get(BUILT, "").split()


def _find_about(driver: RustDriver, results: Sequence[Result]) -> Iterator[Result]:
    """Yield the results of a driver's tests, and of the steps of its life."""
    if not driver.option:
        # a test that was skipped or did not build here is known from another architecture
        tests = {(result.classname, result.name) for result in results if driver.name in _built_for(result)}
        yield from (result for result in results if (result.classname, result.name) in tests)
        return
    for result in results:
        life, needed = result.properties.get(LIFE, ""), result.properties.get(NEEDS, "").split()
        if driver.is_named(life) if life else any(driver.is_named(name) for name in needed):
            yield result


def _count_lines(
    driver: RustDriver, drivers: Iterable[RustDriver], files: Iterable[CoveredFile]
) -> tuple[int, int] | None:
    """Return how many lines of a driver ran, and how many it has; None if unknown.

    Its files are its first file and those beside and below that, except for files of another driver.
    """
    place = driver.source.rpartition("/")[0]
    is_shared = any(other != driver and other.source.rpartition("/")[0] == place for other in drivers)
    own = f"/{driver.source}" if is_shared else f"/{place}/"
    found = [file for file in files if own in str(file.path) and file.path.suffix == ".rs"]
    return (sum(file.ran for file in found), sum(len(file.lines) for file in found)) if found else None


def render_drivers(
    rows: Sequence[Row],
    arches: Sequence[str],
    releases: Iterable[str],
    *,
    is_tree: bool,
    suites: Iterable[Result] = (),
    earlier: Page | None = None,
) -> str:
    """Return a page in Markdown: the table, that of KUnit suites, then what is behind the cells.

    `is_tree`: the page is about a whole tree. The earlier page fills cells that have no results.
    """
    page = earlier or Page()
    rows = [_without_mere_skips(row, page) for row in rows]
    columns = [*arches, "life", "lines", "mutants"]
    # a driver of an author and one of the tree may have the same name
    filled = [(row.driver.name, page.filled(row.driver.name, columns, _cells(row, arches))) for row in rows]
    tried = sum(row.is_tried or _is_tried(cells) for row, (_, cells) in zip(rows, filled, strict=True))
    lines = _table("driver", columns, filled)
    lines += _suites(suites, arches, page)
    if told := [note for row in rows for note in _notes(row, page)]:
        lines += ["", "## Why", "", *told]
    known = [*releases, *page.releases]
    intro = _intro(_TREE if is_tree else _TESTED, tried, len(rows), known)
    return intro + "\n".join([*lines, ""])


def _without_mere_skips(row: Row, page: Page) -> Row:
    """Return a row without an architecture's results if all were skipped and the earlier page has better."""
    before = page.cells.get(row.driver.name, {})
    ran = {result.arch for result in row.tests if result.outcome is not Outcome.SKIP}
    idle = {arch for arch, cell in before.items() if arch not in ran and _is_tried([cell])}
    return replace(row, tests=tuple(result for result in row.tests if result.arch not in idle))


def _is_tried(cells: Iterable[str]) -> bool:
    return any(word in cell for cell in cells for word in (_WORDS[Outcome.PASS], Outcome.XFAIL.value))


def _intro(text: str, tried: int, count: int, releases: Iterable[str]) -> str:
    kernels = ", ".join(sorted({release.partition("-")[0] for release in releases if release})) or "no kernel"
    return text.format(tried=tried, all=count, kernels=kernels)


def _table(first: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    header = [first, *columns]
    head = [_line(header), _line(["---"] * len(header))]
    return [*head, *(_line([f"`{name}`", *cells]) for name, cells in rows)]


def find_suites(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return the results of cases of KUnit suites."""
    return tuple(result for result in results if KUNIT in result.properties)


def _suites(results: Iterable[Result], arches: Sequence[str], page: Page) -> list[str]:
    """Return the table of KUnit suites, those of the earlier page included; nothing if there are none."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.properties[KUNIT], []).append(result)
    before = [name for name, cells in page.cells.items() if "mutants" not in cells]
    rows = {}
    for name in sorted({*found, *before}):
        tallies = [_tally(each for each in found.get(name, ()) if each.arch == arch) for arch in arches]
        rows[name] = page.filled(name, arches, [tally or NOT_RUN for tally in tallies])
    return ["", "## The kernel's own tests", "", *_table("suite", arches, rows.items())] if rows else []


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row, arches: Sequence[str]) -> Iterator[str]:
    for arch in arches:
        yield _tally(result for result in row.tests if result.arch == arch) or (
            NOT_RUN if row.tests or row.life else NO_TEST
        )
    yield _tally(row.life)
    yield f"{100 * row.lines[0] // row.lines[1]} %" if row.lines and row.lines[1] else ""
    yield f"{row.mutants[0]} of {row.mutants[1]}" if row.mutants else ""


def _tally(results: Iterable[Result]) -> str:
    """Render the count of each outcome, the gravest first; red ones are emphasised."""
    counts = Counter(result.outcome for result in results)
    texts = ((outcome, f"{counts[outcome]} {_WORDS.get(outcome, outcome)}") for outcome in Outcome)
    return ", ".join(
        text if outcome in _QUIET else f"**{text}**" for outcome, text in texts if counts[outcome]
    )


def _notes(row: Row, page: Page) -> Iterator[str]:
    """Yield the reasons why tests of a driver are not green, each once; or why no test was run."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for results, kind in ((row.tests, ""), (row.life, LIFE_NOTE)):
        for result in results:
            if result.outcome is not Outcome.PASS:
                word = kind + _WORDS.get(result.outcome, result.outcome.value)
                reason = _escaped(" ".join(result.title.split()))
                reasons.setdefault((word, reason), set()).add(result.arch)
    tested, lived = ([result.arch for result in results] for results in (row.tests, row.life))
    standing = tuple(find_standing(page.notes.get(row.driver.name, ()), tested, lived))
    for note in standing:
        reasons.setdefault((note.word, note.reason), set()).update(note.arches)
    # not in the order of results, so that only a new reason changes the page
    notes = sorted((word, ", ".join(sorted(arches)), reason) for (word, reason), arches in reasons.items())
    for word, where, reason in notes:
        yield f"- `{row.driver.name}`, {word} on {where}: {reason}"
    is_tried = row.is_tried or standing or _is_tried(page.cells.get(row.driver.name, {}).values())
    if not is_tried and row.driver.option:
        needs = ", ".join(f"`{each}`" for each in row.depends) or "nothing that is unusual"
        yield f"- `{row.driver.name}` was not tried: CONFIG_{row.driver.option} depends on {needs}"


def _escaped(text: str) -> str:
    """Escape text for Markdown, where angle brackets would be HTML."""
    return text.replace("<", "&lt;").replace("|", "\\|")
