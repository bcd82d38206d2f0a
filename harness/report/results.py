"""Results files to one set of results: what the gate compares.

Owns which files are read and how several become one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.report.dialects import Result, parse_results
from rustbed.report.verdict import GRAVITY

# bytes of a file that are read, and at once
_LARGEST, _CHUNK = 512 << 20, 1 << 16


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one or several files hold together."""

    # one per test and architecture, the gravest where there are several
    tests: dict[tuple[str, str, str], Result]
    # properties of the suites, by file
    suites: dict[Path, dict[str, str]]


def load_results(paths: Iterable[Path]) -> Results:
    """Return what files, and the *.xml below directories, hold. Raises UsageError.

    A test that is there more than once counts with its gravest outcome.
    """
    tests: dict[tuple[str, str, str], Result] = {}
    suites: dict[Path, dict[str, str]] = {}
    for path in _files(paths):
        found, suites[path] = _load(path)
        for result in found:
            before = tests.get(result.key)
            if before is None or GRAVITY[result.outcome] < GRAVITY[before.outcome]:
                tests[result.key] = result
    return Results(tests=tests, suites=suites)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the results files that paths stand for, each once."""
    seen: set[Path] = set()
    for path in paths:
        found = sorted(_below(path)) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{path} has no results: no *.xml in it")
        for file in found:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield file


def _below(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory):
        yield from (Path(parent, name) for name in names if name.endswith(".xml"))


def _load(path: Path) -> tuple[list[Result], dict[str, str]]:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"{path} has {size >> 20} MiB; results of up to {_LARGEST >> 20} MiB are read")
        with path.open("rb") as file:
            return parse_results(iter(lambda: file.read(_CHUNK), b""), path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
