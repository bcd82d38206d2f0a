"""Reads results files into one set of results, for the gate.

Owns which files are read and how several are merged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.report.dialects import parse_results
from rustbed.report.result import Result
from rustbed.report.verdict import GRAVITY

# bytes: the largest file that is read, and a chunk of it
_LARGEST, _CHUNK = 512 << 20, 1 << 16


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of one or several files together."""

    # in the order of files; some may have the same name
    cases: tuple[Result, ...]
    # properties of the suites, by file
    suites: dict[Path, dict[str, str]]

    @cached_property
    def tests(self) -> dict[tuple[str, str, str], Result]:
        """One result for each test and architecture, the gravest of several."""
        tests: dict[tuple[str, str, str], Result] = {}
        for result in self.cases:
            before = tests.get(result.key)
            if before is None or GRAVITY[result.outcome] < GRAVITY[before.outcome]:
                tests[result.key] = result
        return tests


def load_results(paths: Iterable[Path]) -> Results:
    """Return the results in files, and in the *.xml below directories. Raises UsageError."""
    cases: list[Result] = []
    suites: dict[Path, dict[str, str]] = {}
    for path, place in find_files(paths):
        found, suites[path] = load_file(path)
        cases += (replace(result, place=place) for result in found)
    return Results(cases=tuple(cases), suites=suites)


def find_files(paths: Iterable[Path]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the results files of paths, each once, and the end of each path.

    That end begins with the named directory, or with the directory of a named file, because directories
    above do not belong to the results. Raises UsageError.
    """
    seen: set[Path] = set()
    for path in paths:
        above = path.absolute()
        found = sorted(_below(path)) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{path} has no results: no *.xml in it")
        for file in found:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                inside = file.relative_to(path).parts if path.is_dir() else (file.name,)
                yield file, ((above if path.is_dir() else above.parent).name, *inside)


def _below(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory):
        yield from (Path(parent, name) for name in names if name.endswith(".xml"))


def load_file(path: Path) -> tuple[list[Result], dict[str, str]]:
    """Return the cases of a results file and its suites' properties. Raises UsageError."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"{path} has {size >> 20} MiB; results of up to {_LARGEST >> 20} MiB are read")
        with path.open("rb") as file:
            return parse_results(iter(lambda: file.read(_CHUNK), b""), path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
