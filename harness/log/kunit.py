"""A KUnit suite's results from the kernel log, with the time and the place of each case. Pure.

KUnit (lib/kunit/test.c) prints a suite that debugfs was told to run without the outermost header, and places
only of doctests. The log adds times, and kernel messages between the results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rustbed.errors import SuiteError
from rustbed.log.ktap import Outcome, Result, parse_ktap
from rustbed.log.record import Record
from rustbed.log.splat import Splat, find_splats

# KUnit indents the lines of a suite by four spaces; a case with parameters has results of its own below
_BEGINS = re.compile(r" {4}(?:# Subtest:|1\.\.\d|(?:not )?ok \d+ )")
_ENDS = re.compile(r" {4}(?:not )?ok \d+ (?:- )?(\S+)")
# lines of a red case in an error's text
_SHOWN = 15
_PLACE = re.compile(r"# \S+\.location: (\S+:\d+)$")
_TEST = re.compile(r"^ *#\[test\]\n(?:^ *#\[.*\n)*^ *(?:pub )?fn (\w+)", re.MULTILINE)


def parse_suite(name: str, records: Sequence[Record], places: Mapping[str, str]) -> Result:
    """Return the results of a suite in the kernel log; it is lost if the log has none.

    `places` has file:line of cases whose place is not in the log.
    """
    report = parse_ktap(["KTAP version 1", "1..1", *(record.text for record in records)])
    suite = next((child for child in report.children if child.name == name), None)
    if suite is None:
        return replace(report, name=name)
    times = _times(records)
    cases = [
        replace(case, seconds=times.get(case.name, 0.0), source=_place(case.log) or places.get(case.name, ""))
        for case in suite.children
    ]
    return replace(suite, children=tuple(cases))


def require_green(suite: Result) -> None:
    """Raise SuiteError if a suite is red: the headline names the first red case."""
    reds = [*suite.reds()] or ([((suite.name,), suite)] if suite.is_red else [])
    if not reds:
        return
    path, first = reds[0]
    more = f", and {len(reds) - 1} more" if len(reds) > 1 else ""
    raise SuiteError(
        f"{suite.name}: {'.'.join(path)}: {first.outcome}{more}",
        reason=first.reason,
        source=first.source,
        log="\n".join(first.log[-_SHOWN:]),
    )


def find_case(suite: Result, name: str) -> Result | None:
    """Return a case of a suite, lost if the suite ended before reporting it; None if it has no such case."""
    found = next((case for case in suite.children if case.name == name), None)
    if found is None and not _is_whole(suite):
        return Result(name=name, outcome=Outcome.LOST, reason=suite.reason or "its suite ended before it")
    return found


def find_causes(records: Sequence[Record]) -> dict[str, tuple[Splat, ...]]:
    """Return the splats during each case, by the case's name; those after the last one by ""."""
    ends = [(index, match[1]) for index, record in enumerate(records) if (match := _ENDS.match(record.text))]
    causes: dict[str, tuple[Splat, ...]] = {}
    for splat in find_splats(records):
        name = next((name for index, name in ends if splat.first < index), "")
        causes[name] = (*causes.get(name, ()), splat)
    return causes


def _is_whole(suite: Result) -> bool:
    return bool(suite.children) and all(case.outcome is not Outcome.LOST for case in suite.children)


def narrow_suite(suite: Result, cases: Sequence[Result], *, is_first: bool) -> Result:
    """Return a suite with only some of its cases; its outcome follows from these.

    With `is_first`, faults of the suite itself count, too.
    """
    is_odd = is_first and suite.is_red and not any(suite.reds())
    return replace(suite, outcome=suite.outcome if is_odd else Outcome.PASS, children=tuple(cases))


def _times(records: Iterable[Record]) -> dict[str, float]:
    """Return the seconds from the line before a case to its result line."""
    times: dict[str, float] = {}
    begun = None
    for record in records:
        if begun is not None and (ended := _ENDS.match(record.text)):
            times[ended[1]] = (record.time_us - begun) / 1e6
        if _BEGINS.match(record.text):
            begun = record.time_us
    return times


def _place(log: Iterable[str]) -> str:
    return next((match[1] for line in log if (match := _PLACE.match(line))), "")


def find_tests(text: str, file: str, suite: str) -> dict[str, str]:
    """Return file:line of each test in a suite's module of a Rust source.

    `file` is the name of the source in the answers.
    """
    marked = re.search(rf"kunit_tests\({re.escape(suite)}\)\]", text)
    if marked is None:
        return {}
    lines = {
        match[1]: text.count("\n", 0, match.start(1)) + 1 for match in _TEST.finditer(text, marked.end())
    }
    return {name: f"{file}:{line}" for name, line in lines.items()}
