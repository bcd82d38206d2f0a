"""One self-contained page per session: a matrix, a time line, and each red test with its evidence.

Pure. All text comes from guests, tests and file systems and is hostile: it is escaped in one place,
and the page forbids itself scripts and the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from rustbed.escape import html_text as escape
from rustbed.progress import plural
from rustbed.report.accesses import Served, render_devices
from rustbed.report.result import Result
from rustbed.report.verdict import GRAVITY, Outcome

_TEMPLATE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))

# the colour of an outcome
_COLOURS = {
    Outcome.PASS: "green",
    Outcome.SKIP: "grey",
    Outcome.XFAIL: "grey",
    Outcome.ERROR: "amber",
}
# limits of shown text in characters: a failure, a title
_LONGEST, _TITLE = 1 << 16, 300
# pixels of the time line: width of the lanes' names, total width, height of a lane
_LEFT, _WIDTH, _LANE = 70, 1100, 22


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One test on one architecture, with facts that the results file does not have."""

    result: Result
    # seconds since the session's start; None if it never ran
    started: float | None = None
    ended: float | None = None
    # the worker that ran it: gw0 and so on; "" without workers
    worker: str = ""
    # end of the console
    console: str = ""
    # its devices in Python
    served: tuple[Served, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Session:
    """The session that a page shows."""

    started: datetime
    # what was asked for: kernel, profile
    asked: str
    entries: tuple[Entry, ...]
    # errors of the list of known issues
    wrong: tuple[str, ...] = ()
    # file name of the coverage page beside this one, "" if there is none
    coverage: str = ""


def render_page(session: Session) -> str:
    """Render the page."""
    entries = sorted(session.entries, key=lambda entry: (entry.result.test, entry.result.arch))
    # crashes first
    reds = sorted(
        (entry for entry in entries if _colour(entry.result) in ("red", "amber")),
        key=lambda entry: GRAVITY[entry.result.outcome],
    )
    releases = sorted({release for entry in entries if (release := _property(entry, "kernel_release"))})
    about = [
        f"{session.started:%Y-%m-%d %H:%M:%S} UTC",
        session.asked,
        f"running {', '.join(releases)}" if releases else "",
    ]
    anchors = {id(entry): f"red-{number}" for number, entry in enumerate(reds, start=1)}
    others = [entry for entry in entries if id(entry) not in anchors]
    return _TEMPLATE.substitute(
        title=f"rustbed: {len(reds)} of {len(entries)} red"
        if reds
        else f"rustbed: {plural(len(entries), 'test')}, none red",
        about=escape(" · ".join(part for part in about if part)),
        counts=_counts(entries),
        coverage=_coverage(session.coverage),
        summary=_summary(reds, anchors, session.wrong),
        matrix=_matrix(entries, anchors),
        timeline=_timeline(entries, anchors),
        evidence=_evidence(reds, anchors),
        devices=render_devices([served for entry in (*reds, *others) for served in entry.served]),
    )


def _property(entry: Entry, name: str) -> str:
    return entry.result.properties.get(name, "")


def _colour(result: Result) -> str:
    return _COLOURS.get(result.outcome, "red")


def _short(text: str) -> str:
    return text if len(text) <= _TITLE else f"{text[:_TITLE]}..."


def _badge(result: Result) -> str:
    return f'<span class="badge {_colour(result)}">{result.outcome}</span>'


def _counts(entries: Sequence[Entry]) -> str:
    numbers = {outcome: sum(e.result.outcome is outcome for e in entries) for outcome in Outcome}
    items = (
        f'<li class="badge {_COLOURS.get(outcome, "red")}">{number} {outcome}</li>'
        for outcome, number in numbers.items()
        if number
    )
    return f'<ul class="counts" aria-label="outcomes">{"".join(items)}</ul>'


def _coverage(page: str) -> str:
    return f'<p><a href="{escape(page)}">Lines of drivers that ran</a></p>' if page else ""


# -- red tests -------------------------------------------------------------------


def _summary(reds: Sequence[Entry], anchors: dict[int, str], wrong: Sequence[str]) -> str:
    """Render a line for each failure, and below it its tests, with links to their evidence."""
    lines = [f"<li>{escape(each)}</li>" for each in wrong]
    for group in _group(reds):
        tests = "<br>".join(
            f'<a href="#{anchors[id(entry)]}">{escape(entry.result.name)}</a> {escape(entry.result.arch)}'
            + (' <span class="badge">known</span>' if _property(entry, "known_issue") else "")
            for entry in group
        )
        result = group[0].result
        lines.append(f"<li>{_badge(result)} {escape(_short(result.title))}<br>{tests}</li>")
    return f'<section><h2>Red</h2><ul class="reds">{"".join(lines)}</ul></section>' if lines else ""


def _group(reds: Sequence[Entry]) -> list[list[Entry]]:
    """Return red tests, grouped by failure; the groups are in the order of their first tests."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in reds:
        # the first splat is the cause; each failure without a fingerprint is a group of its own
        groups.setdefault(entry.result.fingerprints[:1] or entry.result.key, []).append(entry)
    return list(groups.values())


def _evidence(reds: Sequence[Entry], anchors: dict[int, str]) -> str:
    parts = [_failure(entry, anchors[id(entry)], _alike(entry, reds, anchors)) for entry in reds]
    return "\n".join(["<section><h2>Evidence</h2>", *parts, "</section>"]) if parts else ""


def _alike(entry: Entry, reds: Sequence[Entry], anchors: dict[int, str]) -> str:
    """Render links to the other red tests with the same failure."""
    # the first splat is the cause; later ones may follow from any cause
    prints = set(entry.result.fingerprints[:1])
    links = [
        f'<a href="#{anchors[id(other)]}">{escape(other.result.name)} {escape(other.result.arch)}</a>'
        for other in reds
        if other is not entry and prints & set(other.result.fingerprints[:1])
    ]
    more = f" and {len(links) - 8} more" if len(links) > 8 else ""
    return ", ".join(links[:8]) + more


def _failure(entry: Entry, anchor: str, alike: str) -> str:
    result = entry.result
    facts = [
        ("test", escape(result.test)),
        ("kernel", escape(_property(entry, "kernel_release"))),
        ("source", escape(_property(entry, "source"))),
        ("known issue", escape(_property(entry, "known_issue"))),
        ("run again", _confirmed(result)),
        ("fingerprint", escape(", ".join(result.fingerprints))),
        ("the same in", alike),
        ("run directory", escape(_property(entry, "run_directory"))),
    ]
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in facts if text)
    titles = "".join(f"<p>{escape(_short(title))}</p>" for title in (result.splats or (result.title,)))
    parts = [_part("Failure", result.details[:_LONGEST], "open"), _part("End of the console", entry.console)]
    return (
        f'<article class="failure {_colour(result)}" id="{anchor}">'
        f"{_badge(result)} <h3>{escape(result.name)} {escape(result.arch)}</h3>{titles}"
        f'<table class="facts">{rows}</table>'
        f"{''.join(parts)}</article>"
    )


def _part(name: str, text: str, state: str = "") -> str:
    shown = escape(text.strip())
    return f"<details {state}><summary>{name}</summary><pre>{shown}</pre></details>" if shown else ""


def _confirmed(result: Result) -> str:
    """Render how often it was red again, and how each run ended."""
    told = result.properties.get("confirmed", "")
    runs = [text for name, text in result.properties.items() if name.startswith("confirm_")]
    return "<br>".join(escape(_short(line)) for line in (told, *runs) if line)


# -- matrix ----------------------------------------------------------------------


def _matrix(entries: Sequence[Entry], anchors: dict[int, str]) -> str:
    """Render a table of tests by architecture; tests without one have a column of their own."""
    arches = sorted({entry.result.arch for entry in entries})
    columns = "".join(f'<th scope="col">{escape(arch) or "no machine"}</th>' for arch in arches)
    rows: list[str] = []
    file = None
    for place, name, cells in _rows(entries):
        if place != file:
            file = place
            rows.append(
                f'<tr class="file"><th scope="rowgroup" colspan="{len(arches) + 1}">{escape(place)}</th></tr>'
            )
        shown = "".join(f"<td>{_cell(cells.get(arch), anchors)}</td>" for arch in arches)
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{shown}</tr>')
    return (
        '<section><h2>Tests by architecture</h2><div class="wide"><table class="matrix">'
        f'<thead><tr><th scope="col">test</th>{columns}</tr></thead>\n<tbody>{"".join(rows)}</tbody>'
        "</table></div></section>"
    )


def _rows(entries: Iterable[Entry]) -> Iterator[tuple[str, str, dict[str, Entry]]]:
    """Yield file or class, name, and entries by architecture."""
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries:
        key = entry.result.file or entry.result.classname, entry.result.name
        found.setdefault(key, {})[entry.result.arch] = entry
    for (place, name), cells in found.items():
        yield place, name, cells


def _cell(entry: Entry | None, anchors: dict[int, str]) -> str:
    if entry is None:
        return ""
    result = entry.result
    badge = _badge(result)
    if anchor := anchors.get(id(entry)):
        badge = f'<a href="#{anchor}" title="{escape(_short(result.title))}">{badge}</a>'
    elif result.outcome is not Outcome.PASS:
        badge = f'<span title="{escape(_short(result.title))}">{badge}</span>'
    seconds = "" if result.seconds is None else f' <span class="seconds">{result.seconds:.1f} s</span>'
    return badge + seconds


# -- time line -------------------------------------------------------------------


def _timeline(entries: Sequence[Entry], anchors: dict[int, str]) -> str:
    """Render a bar for each test from its setup to its teardown, with a lane for each worker."""
    ran = [(entry, entry.started, entry.ended) for entry in entries]
    timed = [(entry, begin, end) for entry, begin, end in ran if begin is not None and end is not None]
    if not timed:
        return ""
    lanes = {worker: row for row, worker in enumerate(sorted({entry.worker for entry, _, _ in timed}))}
    total = max(1e-3, *(end for _, _, end in timed))
    height = len(lanes) * _LANE + 24
    scale = (_WIDTH - _LEFT - 10) / total
    parts = [
        f'<text x="0" y="{row * _LANE + 15}">{escape(worker or "tests")}</text>'
        for worker, row in lanes.items()
    ]
    for tick in range(6):
        x = _LEFT + tick * total / 5 * scale
        anchor = "end" if tick == 5 else "start"
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - 18}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{height - 4}" text-anchor="{anchor}">{tick * total / 5:.1f} s</text>'
        )
    for entry, begin, end in timed:
        width = max(1.5, (end - begin) * scale - 0.5)
        label = f"{entry.result.name} {entry.result.arch}: {entry.result.outcome}, {end - begin:.2f} s"
        bar = (
            f'<rect class="{_colour(entry.result)}" x="{_LEFT + begin * scale:.1f}"'
            f' y="{lanes[entry.worker] * _LANE + 2}" width="{width:.1f}" height="{_LANE - 5}">'
            f"<title>{escape(label)}</title></rect>"
        )
        link = anchors.get(id(entry))
        parts.append(f'<a href="#{link}">{bar}</a>' if link else bar)
    told = f"{plural(len(timed), 'test')} in {total:.1f} seconds"
    return (
        '<section><h2>Time line</h2><p class="faint">Each bar is a test with its setup and teardown.</p>'
        f'<div class="wide"><svg width="{_WIDTH}" height="{height}" role="img"'
        f' aria-label="{told}">{"".join(parts)}</svg></div></section>'
    )
