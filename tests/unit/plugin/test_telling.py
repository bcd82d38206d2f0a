"""What is told of a test while the session runs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rustbed.plugin.telling import Telling, pytest_report_teststatus, pytest_terminal_summary
from rustbed.report.cases import FACTS

MACHINE = [["kernel_release", "7.3.4"], ["accel", "tcg"]]


def report(*, failed: bool = False, nodeid: str = "test_x.py::test_a[arm64]", **facts: object) -> Any:
    carried = [(FACTS, json.dumps(facts))] if facts else []
    return SimpleNamespace(failed=failed, nodeid=nodeid, duration=0.25, user_properties=carried)


def config(verbosity: int, lines: list[str], column: int = 0) -> pytest.Config:
    terminal = SimpleNamespace(
        ensure_newline=lambda: None, flush=lambda: None, write_line=lambda line, **_: lines.append(line)
    )
    plugins = SimpleNamespace(getplugin={"terminalreporter": terminal}.get)
    writer = SimpleNamespace(width_of_current_line=column)
    made = SimpleNamespace(
        stash=pytest.Stash(),
        get_verbosity=lambda: verbosity,
        get_terminal_writer=lambda: writer,
        pluginmanager=plugins,
    )
    return cast("pytest.Config", made)


def word(
    told: Any, verbosity: int, status: tuple[str, str, object], session: pytest.Config | None = None
) -> object:
    hook = pytest_report_teststatus(told, session or config(verbosity, []))
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(status)
    return ended.value.value[2]


def test_a_verbose_word_has_the_machine_and_the_time() -> None:
    told = report(properties=MACHINE)
    assert word(told, 1, ("passed", ".", "PASSED")) == "PASSED (7.3.4 tcg, 0.2 s)"
    assert word(told, 1, ("failed", "F", ("FAILED", {"red": True}))) == (
        "FAILED (7.3.4 tcg, 0.2 s)",
        {"red": True},
    )


def test_the_short_summary_has_pytests_own_word() -> None:
    session = config(1, [])
    pytest_terminal_summary(session)
    assert word(report(properties=MACHINE), 1, ("failed", "F", "FAILED"), session) == "FAILED"


def test_other_words_stay() -> None:
    assert word(report(properties=MACHINE), 0, ("passed", ".", "PASSED")) == "PASSED"
    assert word(report(), 1, ("passed", ".", "PASSED")) == "PASSED"
    assert word(report(properties=MACHINE), 1, ("", "", "")) == ""


def test_why_a_test_failed_is_told_once_and_in_one_line() -> None:
    lines: list[str] = []
    telling = Telling(config(0, lines))
    for phase in (
        report(reason=""),
        report(failed=True, reason="Oops, f.rs:1\x1b\n"),
        report(failed=True, reason="b"),
    ):
        telling.pytest_runtest_logreport(phase)
    telling.pytest_runtest_logreport(report(failed=True, nodeid="test_y.py::test_b", reason="WARNING"))
    assert lines == ["  test_a[arm64]: Oops, f.rs:1\\x1b", "  test_b: WARNING"]


def test_behind_a_letter_of_pytest_a_new_line_begins() -> None:
    lines: list[str] = []
    Telling(config(0, lines, column=1)).pytest_runtest_logreport(report(failed=True, reason="a"))
    assert lines == ["", "  test_a[arm64]: a"]


def test_a_quiet_session_is_not_disturbed() -> None:
    lines: list[str] = []
    Telling(config(-1, lines)).pytest_runtest_logreport(report(failed=True, reason="a"))
    assert lines == []
