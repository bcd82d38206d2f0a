"""What is left of tracebacks when our frames are taken out."""

from __future__ import annotations

import json
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import process
from rustbed.arch import require_arch
from rustbed.errors import HarnessError
from rustbed.options import read_arches
from rustbed.plugin.tracebacks import hide_ours


def functions(act: Callable[[], object]) -> list[str]:
    """Return the functions in the traceback of what a test does, below its own."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        act()
    hide_ours(caught.value)
    return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:]


def ask() -> None:
    require_arch("sparc")


def divide(_: str) -> object:
    return 1 / 0


def call_back() -> None:
    read_arches(divide)


def chain() -> None:
    try:
        divide("")
    except ZeroDivisionError as error:
        raise HarnessError("it failed") from error


def test_an_error_of_ours_ends_at_the_tests_own_line() -> None:
    assert functions(ask) == ["ask"]


def ask_by_a_library() -> None:
    json.loads("386", parse_int=require_arch)


def test_an_error_of_ours_that_a_library_has_called_ends_at_the_tests_own_line() -> None:
    assert functions(ask_by_a_library) == ["ask_by_a_library"]


def test_our_frames_between_those_of_a_test_are_taken_out() -> None:
    assert functions(call_back) == ["call_back", "divide"]


def test_an_error_that_is_a_defect_of_ours_keeps_its_frames() -> None:
    assert functions(lambda: read_arches(dict[str, object]().__getitem__)) == ["<lambda>", "read_arches"]


def end_the_test(*_: object) -> None:
    pytest.fail("it took too long")


def test_a_test_that_is_ended_while_a_library_of_ours_waits_is_shown_at_its_own_line() -> None:
    def wait() -> None:
        process.run(["sleep", "60"], attempted="waiting")

    before = signal.signal(signal.SIGALRM, end_the_test)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(pytest.fail.Exception) as caught:
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    hide_ours(caught.value)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:]
    assert names[:2] == ["wait", "end_the_test"]


def test_an_error_that_a_library_raises_when_we_call_it_keeps_its_frames() -> None:
    assert functions(lambda: process.run(["true"], attempted="x", cwd=Path("a\0b")))[:2] == [
        "<lambda>",
        "run",
    ]


def test_what_led_to_an_error_of_ours_is_not_shown() -> None:
    with pytest.raises(HarnessError) as caught:
        chain()
    hide_ours(caught.value)
    assert "ZeroDivisionError" not in "".join(traceback.format_exception(caught.value))
