"""The end of a session of very many tests: it takes as long as there are tests, not the square of that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rustbed.report.recorder import Recorder
from rustbed.report.results import load_results

MANY = 20_000
# of processor time; 1.8 s are needed where the square took 27
LIMIT_S = 10.0


def phases(number: int) -> Iterator[Any]:
    """Yield what pytest reports of one green test."""
    for when in ("setup", "call", "teardown"):
        yield SimpleNamespace(
            nodeid=f"tests/test_many.py::test_{number}",
            when=when,
            outcome="passed",
            passed=True,
            failed=False,
            skipped=False,
            longrepr=None,
            duration=0.001,
            start=1e9 + number,
            stop=1e9 + number + 0.5,
            worker_id=f"gw{number % 4}",
            user_properties=[],
            sections=[],
        )


def test_results_of_very_many_tests_are_written_in_seconds(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "session")
    session = SimpleNamespace(exitstatus=0)
    began = time.process_time()
    for number in range(MANY):
        for phase in phases(number):
            recorder.pytest_runtest_logreport(phase)
    recorder.pytest_sessionfinish(session, 0)
    assert time.process_time() - began < LIMIT_S
    assert session.exitstatus == 0
    assert len(load_results([recorder.path]).cases) == MANY
