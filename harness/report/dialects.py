"""JUnit XML as pytest, Maven, gtest, kselftest and we ourselves write it, to results.

Owns what the dialects have in common and what a reader must refuse. Reads a
stream: memory does not grow with the logs in a file, and nothing in a file
makes it read another one or grow by entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat

from rustbed.arch import ARCHES
from rustbed.errors import UsageError
from rustbed.report.verdict import GRAVITY, RED, Outcome

# levels of elements and characters kept of a text: far beyond what a test run has
_DEEPEST, _LONGEST = 64, 1 << 16

# `<error>` of others is a test that raised where no assertion stood; what ours means, its property says
_VERDICTS = {
    "failure": Outcome.FAIL,
    "error": Outcome.FAIL,
    # a test that passed when it was run again: nothing turns green by being retried
    "flakyFailure": Outcome.FAIL,
    "flakyError": Outcome.FAIL,
    "rerunFailure": Outcome.FAIL,
    "rerunError": Outcome.FAIL,
    "skipped": Outcome.SKIP,
    "disabled": Outcome.SKIP,
}
# words of attributes `status` and `result` for a test that was not run (gtest, ctest)
_NOT_RUN = frozenset({"notrun", "skipped", "disabled", "suppressed"})

_PARAMETERS = re.compile(r"\[(?P<parts>[^\[\]]*)\]$")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One test on one architecture, as a results file has it."""

    # dotted class or module; the names of the suites where a case has none
    classname: str
    # without the architecture
    name: str
    # "" where neither a property nor the name tells
    arch: str
    outcome: Outcome
    # of the test's source, "" if the producer does not say
    file: str = ""
    # None where the file has none
    seconds: float | None = None
    # first line of the failure's or skip's message
    message: str = ""
    # the failure's text, its beginning
    details: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    # the results file
    source: Path = Path()

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same test in another file."""
        return self.classname, self.name, self.arch

    @property
    def test(self) -> str:
        """The test as people name it: file::name, or classname::name."""
        return "::".join(part for part in (self.file or self.classname, self.name) if part)

    @property
    def is_red(self) -> bool:
        """Whether it failed; an error of the harness says nothing of the driver and is not red."""
        return self.outcome in RED

    @property
    def splats(self) -> tuple[str, ...]:
        """Titles of the splats that make it red, the one that decided first."""
        return tuple(self.properties.get("splat", "").splitlines())

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the splats, in their order; without splats that of the failure."""
        return tuple(self.properties.get("fingerprint", "").splitlines())

    @property
    def title(self) -> str:
        """One line: the message, else the splats' titles, else the outcome."""
        return self.message or "; ".join(self.splats) or self.outcome.value


def parse_results(chunks: Iterable[bytes], source: Path) -> tuple[list[Result], dict[str, str]]:
    """Return the cases of a JUnit document and its suites' properties; `source` is for errors.

    Raises UsageError for what is no XML, no JUnit, declares entities or is nested too deep.
    """
    reader = _Reader(source)
    try:
        empty = True
        for chunk in chunks:
            empty = empty and not chunk.strip()
            reader.parser.Parse(chunk, False)
        if empty:
            raise UsageError(f"{source} is empty")
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "cannot be parsed")
        raise UsageError(f"{source}:{error.lineno}: no valid XML: {what}") from error
    except (ValueError, LookupError) as error:
        # a declared encoding that Python does not have, or that is none of text
        raise UsageError(f"{source}: no valid XML: {error}") from error
    return reader.cases, reader.properties


@dataclass
class _Suite:
    """A testsuite that is open."""

    name: str
    # failures and errors that its attributes count, and cases found that account for them
    counted: int
    red: int = 0
    # of all cases below it
    properties: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Hears elements and gathers cases."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.cases: list[Result] = []
        self.properties: dict[str, str] = {}
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse_entity
        self._depth = 0
        self._suites: list[_Suite] = []
        self._case: Result | None = None
        # names of the properties and verdicts inside the open case or suite whose text is wanted
        self._verdict = ""
        self._property = ""

    def _error(self, problem: str) -> UsageError:
        return UsageError(f"{self.source}:{self.parser.CurrentLineNumber}: {problem}")

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise self._error(f"declares the entity {name[:40]!r}: refused, results need none")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        # producers that use a namespace have one only
        tag = tag.rpartition(":")[2]
        self._depth += 1
        if self._depth == 1 and tag not in ("testsuites", "testsuite"):
            raise self._error(f"no JUnit results: begins with <{tag[:40]}>")
        if self._depth > _DEEPEST:
            raise self._error(f"nested deeper than {_DEEPEST} elements")
        if tag in ("testsuite", "testsuites"):
            counted = sum(int(_number(given.get(word)) or 0) for word in ("failures", "errors"))
            self._suites.append(_Suite(name=given.get("name", ""), counted=counted))
        elif tag == "testcase":
            self._case = self._begin_case(given)
        elif tag == "property":
            self._property = given.get("name", "")
            if "value" in given:
                self._keep(given["value"])
                self._property = ""
        elif self._case is not None and tag in _VERDICTS:
            self._verdict = tag
            self._judge(_VERDICTS[tag], given.get("message", ""))

    def _begin_case(self, given: dict[str, str]) -> Result:
        name, arch = split_arch(given.get("name", ""))
        words = {given.get("status", "").lower(), given.get("result", "").lower()}
        suites = ".".join(suite.name for suite in self._suites if suite.name)
        return Result(
            classname=given.get("classname") or suites,
            name=name,
            arch=arch,
            outcome=Outcome.SKIP if words & _NOT_RUN else Outcome.PASS,
            file=given.get("file", ""),
            seconds=_number(given.get("time")),
            source=self.source,
        )

    def _judge(self, outcome: Outcome, message: str) -> None:
        """Take a verdict of the open case; of several the gravest stands."""
        assert self._case is not None
        before = self._case.outcome
        if before is Outcome.PASS or GRAVITY[outcome] < GRAVITY[before]:
            self._case = replace(self._case, outcome=outcome, message=_first_line(message))

    def _text(self, text: str) -> None:
        if self._property:
            self._keep(text)
        elif self._verdict and self._case is not None and len(self._case.details) < _LONGEST:
            self._case = replace(self._case, details=(self._case.details + text)[:_LONGEST])

    def _keep(self, value: str) -> None:
        """Put a property where it belongs."""
        if self._case is not None:
            self._case.properties[self._property] = value[:_LONGEST]
        elif self._suites:
            self._suites[-1].properties[self._property] = value[:_LONGEST]
            self.properties[self._property] = value[:_LONGEST]

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
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
        # a failure without a message says in its text what it is
        case = replace(
            case,
            arch=properties.get("arch") or case.arch,
            outcome=_own_outcome(case.outcome, properties.get("outcome", "")),
            message=case.message or _first_line(case.details),
            properties=properties,
        )
        if case.is_red or case.outcome is Outcome.ERROR:
            for suite in self._suites:
                suite.red += 1
        self.cases.append(case)

    def _close_suite(self, suite: _Suite) -> None:
        """Close a suite: one that counts failures and shows none failed outside of its cases."""
        if suite.counted > 0 and suite.red == 0:
            message = f"the suite counts {suite.counted} failures or errors, and no case shows one"
            name = ".".join([*(outer.name for outer in self._suites if outer.name), suite.name])
            self.cases.append(
                Result(
                    classname=name,
                    name="(suite)",
                    arch=suite.properties.get("arch", ""),
                    outcome=Outcome.FAIL,
                    message=message,
                    properties=suite.properties,
                    source=self.source,
                )
            )
            for outer in self._suites:
                outer.red += 1


def _own_outcome(shown: Outcome, own: str) -> Outcome:
    """Return the outcome in our own words, as far as they agree with what the elements show."""
    if own not in set(Outcome):
        return shown
    said = Outcome(own)
    red = (*RED, Outcome.ERROR)
    grey = (Outcome.SKIP, Outcome.XFAIL)
    alike = (said in red and shown in red) or (said in grey and shown in grey) or said is shown
    return said if alike else min(said, shown, key=GRAVITY.__getitem__)


def split_arch(name: str) -> tuple[str, str]:
    """Return a test's name without its architecture, and the architecture: test_probe, arm64."""
    if (match := _PARAMETERS.search(name)) is None:
        return name, ""
    parts = match["parts"].split("-")
    arch = next((part for part in parts if part in ARCHES), "")
    if not arch:
        return name, ""
    parts.remove(arch)
    return name[: match.start()] + (f"[{'-'.join(parts)}]" if parts else ""), arch


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:_LONGEST]


def _number(text: str | None) -> float | None:
    """Return a number that an attribute holds; some producers write 1,234.5."""
    try:
        number = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
