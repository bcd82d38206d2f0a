"""Parses JUnit XML of pytest, Maven, gtest, kselftest and ours into results.

Owns the common parts of the dialects, and the checks for hostile files. Parses a
stream: memory does not grow with the logs in a file, no other file is read,
and entities are not expanded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.parsers import expat

from rustbed.errors import UsageError
from rustbed.report.archwords import arch_in
from rustbed.report.result import Result, split_arch
from rustbed.report.suites import ITSELF, Suite, count_case, count_judged, gravity, judge_suite, said_by
from rustbed.report.tries import SUITE, join_tries
from rustbed.report.verdict import GRAVITY, RED, Outcome
from rustbed.report.xmltext import clean_xml

# limits, far beyond those of a test run: depth of elements, characters kept of a text
_DEEPEST, _LONGEST = 64, 1 << 16

# other producers use `<error>` for a test that raised something other than an assertion; our files have a
# property with the outcome
_VERDICTS = {
    "failure": Outcome.FAIL,
    "error": Outcome.FAIL,
    # the test passed when it was run again, but a retry does not make it green
    "flakyFailure": Outcome.FAIL,
    "flakyError": Outcome.FAIL,
    "rerunFailure": Outcome.FAIL,
    "rerunError": Outcome.FAIL,
    "skipped": Outcome.SKIP,
    "disabled": Outcome.SKIP,
}
# the tags that are read, by their lower-case letters: some producers use other capitals and separators
_SPELLED = {
    tag.lower(): tag for tag in ("testsuites", "testsuite", "testcase", "properties", "property", *_VERDICTS)
}
# names of properties with the architecture, in lower case
_ARCH = frozenset({"arch", "architecture", "target_arch", "kernel_arch"})


def parse_results(chunks: Iterable[bytes], source: Path) -> tuple[list[Result], dict[str, str]]:
    """Return the cases of a JUnit document and its suites' properties; `source` is for errors.

    Raises UsageError for a text that is not XML or not JUnit, declares entities, or is nested too deeply.
    """
    reader = _Reader(source)
    try:
        empty = True
        for chunk in clean_xml(chunks):
            empty = empty and not chunk.strip()
            reader.parser.Parse(chunk, False)
        if empty:
            raise UsageError(f"{source} is empty")
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "cannot be parsed")
        raise UsageError(f"{source}:{error.lineno}: not valid XML: {what}") from error
    except (ValueError, LookupError) as error:
        # the declared encoding is unknown to Python, or not a text encoding
        raise UsageError(f"{source}: not valid XML: {error}") from error
    return reader.cases, reader.properties


class _Reader:
    """Handles the parser's events and collects cases."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.cases: list[Result] = []
        self.properties: dict[str, str] = {}
        self.parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse_entity
        self._depth = 0
        self._suites: list[Suite] = []
        self._case: Result | None = None
        # number of failure elements in the open case
        self._failures = 0
        # names of the open property and verdict whose text is being collected
        self._verdict = ""
        self._property = ""

    def _error(self, problem: str) -> UsageError:
        return UsageError(f"{self.source}:{self.parser.CurrentLineNumber}: {problem}")

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise self._error(f"declares the entity {name[:40]!r}: refused, results need none")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        tag = _plain(tag)
        self._depth += 1
        if self._depth == 1 and tag not in ("testsuites", "testsuite"):
            raise self._error(f"not JUnit results: it begins with <{tag[:40]}>")
        if self._depth > _DEEPEST:
            raise self._error(f"nested deeper than {_DEEPEST} elements")
        if tag in ("testsuite", "testsuites"):
            self._suites.append(self._begin_suite(given))
        elif tag == "testcase":
            self._case, self._failures = self._begin_case(given), 0
        elif tag == "property":
            self._property = given.get("name", "")
            if "value" in given:
                self._keep(given["value"])
                self._property = ""
        elif self._case is not None and tag in _VERDICTS:
            self._verdict = tag
            self._failures += _VERDICTS[tag] is Outcome.FAIL
            self._judge(_VERDICTS[tag], given.get("message", ""))
        elif self._suites and _VERDICTS.get(tag) is Outcome.FAIL:
            self._suites[-1].failure = _first_line(given.get("message", "")) or "the suite itself failed"

    def _begin_suite(self, given: dict[str, str]) -> Suite:
        failed, tests, unrun = (
            sum(int(_number(given.get(word)) or 0) for word in words)
            for words in (("failures", "errors"), ("tests",), ("skipped", "disabled"))
        )
        return Suite(
            name=given.get("name", ""),
            counted=failed,
            tests=tests,
            unrun=unrun,
            first=len(self.cases),
            started=given.get("timestamp", ""),
            failed=said_by(given) is Outcome.FAIL,
        )

    def _begin_case(self, given: dict[str, str]) -> Result:
        label = given.get("name", "")
        name, arch = split_arch(label)
        suites = tuple(suite.name for suite in self._suites if suite.name)
        return Result(
            classname=given.get("classname") or ".".join(suites),
            name=name,
            arch=arch,
            label=label,
            outcome=said_by(given),
            file=given.get("file", ""),
            seconds=_number(given.get("time")),
            suites=suites,
            started=next((suite.started for suite in reversed(self._suites) if suite.started), ""),
            source=self.source,
        )

    def _judge(self, outcome: Outcome, message: str) -> None:
        """Note a verdict of the open case; the gravest of several counts."""
        assert self._case is not None
        before = self._case
        is_graver = gravity(outcome) < gravity(before.outcome)
        if is_graver or (outcome is before.outcome and not before.message):
            self._case = replace(before, outcome=outcome, message=_first_line(message))

    def _text(self, text: str) -> None:
        if self._property:
            self._keep(text)
        elif self._verdict and self._case is not None and len(self._case.details) < _LONGEST:
            self._case = replace(self._case, details=(self._case.details + text)[:_LONGEST])

    def _keep(self, value: str) -> None:
        """Store a property in the open case or suite."""
        if self._case is not None:
            self._case.properties[self._property] = value[:_LONGEST]
        elif self._suites:
            self._suites[-1].properties[self._property] = value[:_LONGEST]
            self.properties[self._property] = value[:_LONGEST]

    def _end(self, tag: str) -> None:
        tag = _plain(tag)
        self._depth -= 1
        if tag == "property":
            self._property = ""
        elif tag in _VERDICTS:
            self._verdict = ""
        elif tag == "testcase" and self._case is not None:
            self._close_case(self._case)
            self._case = None
        elif tag in ("testsuite", "testsuites"):
            self._close_suite(self._suites.pop())

    def _close_case(self, case: Result) -> None:
        given: dict[str, str] = {}
        for suite in self._suites:
            given |= suite.properties
        properties = given | case.properties
        shown = min(case.outcome, said_by(case.properties), key=gravity)
        # without a message, the reason of a failure is in its text
        case = replace(
            case,
            arch=_find_arch(properties) or case.arch,
            outcome=_own_outcome(shown, properties.get("outcome", "")),
            message=case.message or _first_line(case.details),
            properties=properties,
            settings=given,
        )
        for suite in self._suites:
            count_case(suite, case, self._failures)
        self.cases.append(case)

    def _close_suite(self, suite: Suite) -> None:
        """Close a suite and add its own result, if it has one."""
        if suite.name == SUITE:
            self.cases[suite.first :] = join_tries(self.cases[suite.first :])
        judged = judge_suite(suite)
        if judged is None:
            return
        outcome, message = judged
        names = (*(outer.name for outer in self._suites if outer.name), suite.name)
        self.cases.append(
            Result(
                classname=".".join(names),
                name=ITSELF,
                arch=_find_arch(suite.properties),
                outcome=outcome,
                message=message,
                properties=suite.properties,
                settings=suite.properties,
                suites=names,
                started=suite.started,
                source=self.source,
            )
        )
        for outer in self._suites:
            count_judged(outer, suite, outcome)


def _plain(tag: str) -> str:
    """Return a tag in JUnit's spelling and without its namespace, which some producers write."""
    name = tag.rpartition(":")[2]
    return _SPELLED.get(name.lower(), name)


def _find_arch(properties: dict[str, str]) -> str:
    """Return the architecture in the properties, by our name if we have one; "" if there is none."""
    told = next((value for name, value in properties.items() if value and name.lower() in _ARCH), "")
    return arch_in(told) or told


def _own_outcome(shown: Outcome, own: str) -> Outcome:
    """Return our own outcome, from a property, if it agrees with the elements."""
    if own not in set(Outcome):
        return shown
    said = Outcome(own)
    red = (*RED, Outcome.ERROR)
    grey = (Outcome.SKIP, Outcome.XFAIL)
    alike = (said in red and shown in red) or (said in grey and shown in grey) or said is shown
    return said if alike else min(said, shown, key=GRAVITY.__getitem__)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:_LONGEST]


def _number(text: str | None) -> float | None:
    """Parse the number in an attribute; some producers write 1,234.5."""
    try:
        number = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
