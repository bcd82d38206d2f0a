"""Reports which lines of drivers ran: from a session's run directories to a table and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rustbed import runfiles
from rustbed.cache import write_atomically
from rustbed.errors import HarnessError
from rustbed.instruments.coverage.executed import Executed, parse_executed
from rustbed.plugin.stash import COVERAGE, is_worker, session_directory
from rustbed.report import coverage
from rustbed.report.coverage import CoveredFile
from rustbed.symbols.debugfiles import DebugFiles, parse_files
from rustbed.symbols.linetable import LineTable, Ranges, count_lines, read_table

_TOLD = pytest.StashKey[list[str]]()
_FAILED = 1


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the coverage files. The session fails if that is impossible."""
    config = session.config
    if is_worker(config) or COVERAGE not in config.stash or not session_directory(config).is_dir():
        return
    try:
        config.stash[_TOLD] = _write(session_directory(config))
    except (HarnessError, OSError) as error:
        config.stash[_TOLD] = [f"ERROR: coverage: {error}"]
        session.exitstatus = session.exitstatus or _FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    if told := config.stash.get(_TOLD, None):
        terminalreporter.section("lines of drivers that ran")
        for line in told:
            terminalreporter.write_line(line)


def _write(directory: Path) -> list[str]:
    """Write the files of a session, and return the lines for the terminal."""
    files, notes = _gather(directory)
    if not files:
        return [*notes, "rustbed: no module was loaded whose lines are known"]
    texts = {}
    for file in files:
        with suppress(OSError):
            texts[file.path] = file.path.read_text(errors="replace")
    write_atomically(directory / runfiles.COVERAGE, coverage.render_lcov(files))
    write_atomically(directory / runfiles.COVERAGE_PAGE, coverage.render_page(files, texts, notes))
    return [
        *coverage.render_table(files),
        *(f"rustbed: {note}" for note in notes),
        f"rustbed: coverage in {directory / runfiles.COVERAGE_PAGE} and {runfiles.COVERAGE}",
    ]


def _gather(directory: Path) -> tuple[tuple[CoveredFile, ...], list[str]]:
    """Return the lines that ran in a session's machines, and notes about gaps."""
    notes: dict[str, None] = {}
    tables: dict[tuple[Path, str], LineTable | None] = {}
    runs: list[tuple[LineTable, Ranges]] = []
    for executed, files in _runs(directory):
        notes |= dict.fromkeys(_notes(executed))
        for module, ranges in executed.ranges.items():
            file = files.files[module]
            key = file.path, file.build_id
            if key not in tables:
                try:
                    tables[key] = read_table(file, files)
                except (ValueError, OSError) as error:
                    tables[key] = None
                    notes[f"{module}: {error}"] = None
            if table := tables[key]:
                runs.append((table, ranges))
    paths = {name: path for table, _ in runs for name, path in table.sources.items()}
    return coverage.covered_files(count_lines(runs), paths), list(notes)


def _runs(directory: Path) -> Iterator[tuple[Executed, DebugFiles]]:
    for path in sorted(directory.rglob(runfiles.EXECUTED)):
        yield parse_executed(path.read_text()), parse_files((path.parent / runfiles.SYMBOLS).read_text())


def _notes(executed: Executed) -> Iterator[str]:
    for module in executed.lost:
        yield f"{module}: what ran while it was refused, or is where the kernel does not say, is not counted"
