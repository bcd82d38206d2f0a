"""KTAP, the kernel's test output, to a tree of results. Pure.

KTAP: Documentation/dev-tools/ktap.rst. KUnit, kselftests and modules that report so are read from any log.
A result that was announced and did not come is lost,
whatever its neighbours report; a failure is never dropped because of where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise


class Outcome(StrEnum):
    """How a test ended, the gravest first."""

    # announced by a plan or a subtest's header, without a result
    LOST = "lost"
    FAIL = "fail"
    # failed as expected
    XFAIL = "xfail"
    PASS = "pass"  # noqa: S105 - no password
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line `ok` or `not ok`, with the results nested in it."""

    name: str
    outcome: Outcome
    # its number in the plan; 0 if the line has none
    number: int = 0
    # of a skip, an expected failure, an error or a timeout
    reason: str = ""
    children: tuple[Result, ...] = ()
    # other lines since the previous result: diagnostics, and kernel messages
    log: tuple[str, ...] = ()
    # violations of the format: a plan that was not kept, a number out of order
    problems: tuple[str, ...] = ()
    # file:line of the test's source and the test's duration, where the report has them
    source: str = ""
    seconds: float = 0.0

    @property
    def is_red(self) -> bool:
        """Whether it failed or is lost."""
        return self.outcome in (Outcome.LOST, Outcome.FAIL)

    def reds(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Result]]:
        """Yield the innermost red results, with the names that lead to them."""
        for child in self.children:
            here = (*path, child.name)
            yield from child.reds(here)
            if child.is_red and not any(below.is_red for below in child.children):
                yield here, child

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Result]]:
        """Yield the innermost results, each with the names that lead to it."""
        for child in self.children:
            if child.children:
                yield from child.leaves((*path, child.name))
            else:
                yield (*path, child.name), child


# kselftests put "# " before the results of a program
_STEP = r"(?:[ \t]|\#[ ](?=(?:[ \t]|\#[ ])*(?:K?TAP[ ]version|1\.\.\d|ok[ ]|not[ ]ok[ ]|\#[ ]Subtest:)))"
_LINE = re.compile(
    rf"""(?P<indent>{_STEP}*)
    (?: (?P<header>K?TAP[ ]version[ ]\d+)\s*$
      | 1\.\.(?P<plan>\d{{1,6}})[ ]*(?:\#[ ]?SKIP\w*:?(?P<why>.*)|\#.*)?$
      | \#[ ]Subtest:[ ](?P<subtest>.*)
      | (?P<failed>not[ ])?ok[ ](?P<number>\d{{1,6}})?[ ]?(?:-[ ])?
        (?P<name>.*?)(?:[ ]\#[ ]?(?P<directive>SKIP|TODO|XFAIL|TIMEOUT|ERROR)\w*:?(?P<reason>.*))?$
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<prefix>.*?)\bK?TAP version \d+\s*$")
_NO_LINE = "its result line did not come"
# deeper indentation is not nesting: KUnit has three levels
_DEEPEST = 32


@dataclass(frozen=True, kw_only=True)
class _Token:
    """A line and its match; None for a line that is not KTAP."""

    text: str
    match: re.Match[str] | None

    @property
    def indent(self) -> int:
        return len(self.match["indent"].expandtabs(2)) if self.match else 0


@dataclass(kw_only=True)
class _Level:
    """The results of one indentation, while they are read."""

    name: str = ""
    plan: int | None = None
    # the reason of a plan without tests
    skipped: str = ""
    results: list[Result] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def take_log(self) -> tuple[str, ...]:
        taken, self.log = tuple(self.log), []
        return taken


# the report as a whole has no result line: its outcome follows from its children
_NOTHING_SAID = Result(name="", outcome=Outcome.PASS)


def parse_ktap(lines: Iterable[str]) -> Result:
    """Return what a log reports: a result without a name whose children are the outermost results.

    A line is without what printk and loggers put before it (log/record.py); other text before a header is
    removed from the lines that follow. Several documents in one log are read as one. A log without any has
    no children, is lost, and gives the reason.
    """
    tokens = list(_tokens(lines))
    if not tokens:
        reason = "no line begins a KTAP report: `KTAP version 1`"
        return Result(name="", outcome=Outcome.LOST, reason=reason)
    level, _ = _read_level(tokens, 0, 0)
    return replace(_with_children(_NOTHING_SAID, level), log=level.take_log())


def _tokens(lines: Iterable[str]) -> Iterator[_Token]:
    """Yield the lines from the first header on, without what stands before each header."""
    prefix: str | None = None
    for line in lines:
        header = _HEADER.match(line)
        if header and (prefix is None or not line.startswith(prefix)):
            prefix = header["prefix"]
        if prefix is not None:
            text = line.removeprefix(prefix)
            match = _LINE.match(text)
            yield _Token(text=text, match=match if match and len(match["indent"]) < _DEEPEST else None)


def _read_level(tokens: list[_Token], at: int, indent: int) -> tuple[_Level, int]:
    """Return the results of an indentation from a token on, and where they end."""
    level = _Level()
    nested: list[_Level] = []
    while at < len(tokens):
        token = tokens[at]
        if token.match is None:
            (nested[-1] if nested else level).log.append(token.text.strip())
        elif token.indent < indent:
            break
        elif token.indent > indent:
            inner, at = _read_level(tokens, at, token.indent)
            nested.append(inner)
            continue
        else:
            nested = _take(token.match, level, nested)
        at += 1
    for inner in nested:
        level.results.extend(_unclaimed(inner))
    return level, at


def _take(match: re.Match[str], level: _Level, nested: list[_Level]) -> list[_Level]:
    """Let a line count in its level; return the nested levels that no result has claimed yet."""
    if match["plan"]:
        # the results of a second document in one log follow those of the first
        level.plan = len(level.results) + int(match["plan"])
        level.skipped = (
            level.skipped if match["why"] is None else match["why"].strip() or "the plan skips all"
        )
    elif match["subtest"] is not None:
        level.name = match["subtest"].strip()
    elif not match["header"]:
        for inner in nested[:-1]:
            level.results.extend(_unclaimed(inner))
        claimed = nested[-1] if nested else None
        level.results.append(_sum_up(claimed, match, before=level.take_log()))
        return []
    return nested


def _unclaimed(level: _Level) -> list[Result]:
    """Return the results of a level that no result line claimed; text that is only indented is not nested."""
    return [_sum_up(level, None)] if level.name or level.plan is not None else level.results


def _sum_up(level: _Level | None, match: re.Match[str] | None, before: tuple[str, ...] = ()) -> Result:
    """Return a result with its nested ones; without a line of its own it is lost."""
    name = level.name if level is not None else ""
    said = _say(match, name) if match else Result(name=name, outcome=Outcome.LOST, reason=_NO_LINE)
    return (
        replace(_with_children(said, level), log=before + level.take_log())
        if level
        else replace(said, log=before)
    )


def _with_children(said: Result, level: _Level) -> Result:
    children = (*level.results, *_missing(level))
    if not children and said.outcome is not Outcome.SKIP:
        empty = replace(said, outcome=Outcome.LOST, reason="it reports no test")
        return replace(said, outcome=Outcome.SKIP, reason=level.skipped) if level.skipped else empty
    return replace(
        said,
        outcome=_outcome(said.outcome, children),
        children=children,
        problems=tuple(_contradictions(level, said)),
    )


def _say(match: re.Match[str], name: str) -> Result:
    """Return the result of a line alone; `name` is that of its subtest, for a line without a name."""
    outcome = Outcome.FAIL if match["failed"] else Outcome.PASS
    directive = (match["directive"] or "").upper()
    if directive == "SKIP":
        outcome = Outcome.SKIP
    elif directive in ("TODO", "XFAIL") and match["failed"]:
        outcome = Outcome.XFAIL
    reason = (match["reason"] or "").strip()
    if directive in ("TIMEOUT", "ERROR"):
        reason = f"{directive.lower()}: {reason}".rstrip(": ")
    return Result(
        name=match["name"].strip() or name,
        outcome=outcome,
        number=int(match["number"] or 0),
        reason=reason,
    )


def _outcome(said: Outcome, children: tuple[Result, ...]) -> Outcome:
    """Return the gravest outcome of a line and its children; SKIP if all children were skipped."""
    if said is Outcome.PASS and all(child.outcome is Outcome.SKIP for child in children):
        return Outcome.SKIP
    red = [child.outcome for child in children if child.is_red]
    return min((said, *red), key=list(Outcome).index)


def _missing(level: _Level) -> Iterator[Result]:
    """Yield a lost result for each missing number of the plan."""
    for number in range(len(level.results) + 1, (level.plan or 0) + 1):
        reason = f"the plan announced {level.plan}"
        yield Result(name=f"test {number}", outcome=Outcome.LOST, number=number, reason=reason)


def _contradictions(level: _Level, said: Result) -> Iterator[str]:
    if level.plan is not None and len(level.results) != level.plan:
        yield f"{len(level.results)} results came, the plan announced {level.plan}"
    if level.name and level.name != said.name:
        yield f"its header calls it {level.name}"
    numbers = [result.number for result in level.results if result.number]
    for before, number in pairwise(numbers):
        if number not in (before + 1, 1):
            yield f"number {number} came after {before}"
