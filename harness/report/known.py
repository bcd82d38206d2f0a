"""Known issues: failures that are explained in a file, until a date.

Owns the file's fields, which results an entry applies to, and when an entry is wrong. Pure,
except for reading the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rustbed.arch import ARCHES
from rustbed.errors import SpecError
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome
from rustbed.yamlfile import Date, Either, Flag, Listing, Record, Text, load_yaml

_ARCH = Text(choices=tuple(ARCHES))
SCHEMA = Record(
    required={
        "issues": Listing(
            item=Record(
                required={"test": Text(), "reason": Text(), "link": Text(), "expires": Date()},
                optional={
                    "arch": Either(word=_ARCH, listing=Listing(item=_ARCH)),
                    "kernel": Text(),
                    "splat": Text(),
                    "assertion": Text(),
                    "sometimes": Flag(),
                    "seen": Listing(item=Date()),
                },
                line="line",
            )
        )
    }
)

_BOUND = re.compile(r"(?P<sign>>=|<=|>|<|)\s*(?P<version>\d+(?:\.\d+)*)")
_VERSION = re.compile(r"\d+(?:\.\d+)*")

_COMPARE = {
    "": lambda found, bound: found == bound,
    ">=": lambda found, bound: found >= bound,
    "<=": lambda found, bound: found <= bound,
    ">": lambda found, bound: found > bound,
    "<": lambda found, bound: found < bound,
}


@dataclass(frozen=True, kw_only=True)
class KnownIssue:
    """One entry."""

    file: Path
    # 1-based, where the entry begins
    line: int
    # file::name or classname::name without the architecture; * stands for any text
    test: str
    # empty: all
    arches: tuple[str, ...]
    # comparisons (sign and version) that must all hold; empty: any kernel
    kernel: tuple[tuple[str, tuple[int, ...]], ...]
    # title of a splat, with * as above, or text in the failure; one of the two is empty
    splat: str
    assertion: str
    reason: str
    link: str
    # the last day on which it applies
    expires: date
    # days on which an intermittent failure was seen; empty: it occurs whenever the test runs
    seen: tuple[date, ...] = ()

    def applies_to(self, result: Result) -> bool:
        """Whether it is about this test, architecture and kernel, whatever the test's outcome."""
        return (
            self.names(result)
            and (not self.arches or result.arch in self.arches)
            and self._has_kernel(result.properties.get("kernel_release", ""))
        )

    def names(self, result: Result) -> bool:
        """Whether it is about the test, on any architecture and kernel."""
        names = (result.test, f"{result.classname}::{result.name}")
        return any(_matches(self.test, name) for name in names)

    def _has_kernel(self, release: str) -> bool:
        if not self.kernel:
            return True
        if (match := _VERSION.match(release)) is None:
            return False
        found = _numbers(match[0])
        # 7.3.4 counts as 7.3: only as many numbers are compared as the bound has
        return all(_COMPARE[sign](found[: len(bound)], bound) for sign, bound in self.kernel)


def load_known(file: Path) -> tuple[KnownIssue, ...]:
    """Return the entries of a known-issues file.

    Raises SpecError, with file, line and key, for another kind of file, and for an entry that lacks a
    reason, a link, a day of expiry, or both splat and assertion.
    """
    entries: list[dict[str, Any]] = load_yaml(file, SCHEMA)["issues"]
    return tuple(_issue(file, index, entry) for index, entry in enumerate(entries))


def _issue(file: Path, index: int, entry: dict[str, Any]) -> KnownIssue:
    def wrong(key: str, problem: str) -> SpecError:
        return SpecError(problem, file=file, line=entry["line"], key=f"issues[{index}].{key}")

    for key in ("test", "reason", "link", "splat", "assertion"):
        if not entry.get(key, "nothing").strip():
            raise wrong(key, f"{key} is empty")
    if ("splat" in entry) == ("assertion" in entry):
        raise wrong("splat", "an entry has either the title of a splat or the text of an assertion")
    if entry.get("sometimes", False) != bool(entry.get("seen", ())):
        raise wrong("seen", "'seen' belongs to an entry with 'sometimes: true', which needs it")
    link = entry["link"]
    if not re.match(r"https?://\S+$", link) and not (file.parent / link).exists():
        raise wrong("link", f"neither an http address nor a path beside this file: {link!r}")
    bounds = [part.strip() for part in re.split(r",", entry["kernel"])] if "kernel" in entry else []
    for bound in bounds:
        if not _BOUND.fullmatch(bound):
            raise wrong("kernel", f"not a range of kernels: {bound!r}; write '7.3' or '>= 6.12, < 7.4'")
    arches = entry.get("arch", [])
    return KnownIssue(
        file=file,
        line=entry["line"],
        test=entry["test"],
        arches=(arches,) if isinstance(arches, str) else tuple(arches),
        kernel=tuple(_bound(bound) for bound in bounds),
        splat=entry.get("splat", ""),
        assertion=entry.get("assertion", ""),
        reason=entry["reason"],
        link=link,
        expires=entry["expires"],
        seen=tuple(entry.get("seen", ())),
    )


def _bound(text: str) -> tuple[str, tuple[int, ...]]:
    match = _BOUND.fullmatch(text)
    assert match is not None
    return match["sign"], _numbers(match["version"])


def _numbers(version: str) -> tuple[int, ...]:
    # a wildly long number is not a version and would be slow to convert
    return tuple(int(part[:18]) for part in version.split("."))


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern, in which only * is special, matches the whole text."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def find_known(result: Result, issues: Sequence[KnownIssue], today: date) -> tuple[KnownIssue, ...]:
    """Return the entries that explain a red result; none if a part of it is unknown.

    Every splat must be known. A known splat also explains a failed assertion, but a known
    assertion does not explain a splat. Expired entries explain nothing.
    """
    mine = [issue for issue in issues if issue.expires >= today and issue.applies_to(result)]
    if not result.is_red:
        return ()
    explained: list[KnownIssue] = []
    for title in result.splats:
        found = [issue for issue in mine if issue.splat and _matches(issue.splat, title)]
        if not found:
            return ()
        explained += found
    if not result.splats:
        # results of other producers may have a splat's title in the message
        explained = [issue for issue in mine if _is_said(issue, result)]
    return tuple(dict.fromkeys(explained))


def _is_said(issue: KnownIssue, result: Result) -> bool:
    if issue.splat:
        return _matches(f"*{issue.splat}*", result.message)
    return issue.assertion in result.message or issue.assertion in result.details


def find_wrong(
    issues: Sequence[KnownIssue], results: Sequence[Result], today: date, *, tests: Sequence[Result] = ()
) -> list[tuple[KnownIssue, str]]:
    """Return the entries that must be changed, each with the reason.

    These are expired entries, and entries whose test ran without the failure, unless the failure is
    intermittent. `tests` are all existing tests, so that an entry for another test is wrong, too;
    empty if they are unknown.
    """
    found: list[tuple[KnownIssue, str]] = []
    for issue in issues:
        ran = [
            result
            for result in results
            if issue.applies_to(result) and result.outcome not in (Outcome.SKIP, Outcome.ERROR)
        ]
        if issue.expires < today:
            found.append((issue, f"expired on {issue.expires}: {issue.reason}"))
        elif ran and not issue.seen and not any(_is_seen(issue, result) for result in ran):
            found.append((issue, f"no longer matches: {_ends(ran)}: {issue.reason}"))
        elif tests and not any(issue.names(test) for test in tests):
            found.append((issue, f"names no test: {issue.test}"))
    return found


def _is_seen(issue: KnownIssue, result: Result) -> bool:
    """Whether a result shows the failure of an entry, possibly besides others."""
    if issue.splat and result.splats:
        return any(_matches(issue.splat, title) for title in result.splats)
    return result.outcome is not Outcome.PASS and _is_said(issue, result)


def _ends(results: Sequence[Result]) -> str:
    """Render how tests ended, each outcome once, because a pattern may match many tests."""
    return ", ".join(
        dict.fromkeys(f"{result.outcome} on {result.arch or 'its machine'}" for result in results)
    )
