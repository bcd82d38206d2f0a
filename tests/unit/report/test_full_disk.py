"""Results that cannot be written at a session's end do not take what the tests said with them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from rustbed.cache import remove_tree
from rustbed.report.recorder import Recorder


def test_results_that_cannot_be_written_are_one_line_of_the_summary(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "session")
    remove_tree(tmp_path / "session")
    (tmp_path / "session").write_text("a file")
    session = SimpleNamespace(exitstatus=0)
    recorder.pytest_sessionfinish(session, 0)
    lines: list[str] = []
    recorder.pytest_terminal_summary(SimpleNamespace(write_line=lines.append))
    assert session.exitstatus == 1
    assert lines == [f"rustbed: cannot write results to {tmp_path}/session: File exists"]
