"""Declared differences: what may differ between architectures, with the reason, from a file.

Owns the file's fields, and which lines of a comparison a declaration covers. Pure, except for reading
the file. harness/report/difference.py compares the runs.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rustbed.arch import ARCHES
from rustbed.errors import SpecError
from rustbed.report.difference import Ran
from rustbed.yamlfile import Either, Listing, Record, Text, load_yaml

_ARCH = Text(choices=tuple(ARCHES))
SCHEMA = Record(
    required={
        "differences": Listing(
            item=Record(
                required={"reason": Text(), "lines": Either(word=Text(), listing=Listing(item=Text()))},
                optional={"arch": Either(word=_ARCH, listing=Listing(item=_ARCH)), "test": Text()},
                line="line",
            )
        )
    }
)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One entry of the file."""

    # why the lines differ
    reason: str
    # of which one occurs in a line that may differ
    patterns: tuple[re.Pattern[str], ...]
    # it is about runs of which one was on one of these; empty: all
    arches: tuple[str, ...] = ()
    # it is about tests whose name has this; "" is in all
    test: str = ""

    def is_about(self, left: Ran, right: Ran) -> bool:
        """Whether it is about these two runs of a test."""
        arches = not self.arches or bool({left.arch, right.arch} & set(self.arches))
        return arches and self.test in left.test

    def is_used(self, left: Ran, right: Ran) -> bool:
        """Whether a line that it covers is on one side only, or more often there."""
        for part in {*left.parts, *right.parts}:
            before, after = (Counter(ran.parts.get(part, ())) for ran in (left, right))
            unequal = (before - after) + (after - before)
            if any(pattern.search(line) for line in unequal for pattern in self.patterns):
                return True
        return False


def load_declared(file: Path) -> tuple[Declared, ...]:
    """Return the entries of a file. Raises SpecError, with file, line and key, for another kind of file."""
    entries: list[dict[str, Any]] = load_yaml(file, SCHEMA)["differences"]
    return tuple(_declared(file, index, entry) for index, entry in enumerate(entries))


def _declared(file: Path, index: int, entry: dict[str, Any]) -> Declared:
    def wrong(key: str, problem: str) -> SpecError:
        return SpecError(problem, file=file, line=entry["line"], key=f"differences[{index}].{key}")

    if not entry["reason"].strip():
        raise wrong("reason", "reason is empty")
    patterns = []
    for text in _listed(entry["lines"]):
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise wrong("lines", f"{text!r} is not a regular expression: {error}") from error
        if pattern.search(""):
            raise wrong("lines", f"{text!r} matches every line")
        patterns.append(pattern)
    return Declared(
        reason=entry["reason"],
        patterns=tuple(patterns),
        arches=_listed(entry.get("arch", [])),
        test=entry.get("test", ""),
    )


def _listed(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
