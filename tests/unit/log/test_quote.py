"""What an error quotes of the kernel log."""

from __future__ import annotations

from tests.unit.log.examples import LOGS

from rustbed.log.quote import quote
from rustbed.log.record import parse_console


def test_the_last_lines_are_quoted() -> None:
    said = "\n".join(f"[    1.{number:06}] toy: line {number}" for number in range(9))
    assert quote(parse_console(said)) == "\n".join(f"toy: line {number}" for number in range(4, 9))
    assert quote(()) == ""


def test_of_a_rust_panic_that_ends_the_log_the_message_is_quoted() -> None:
    for name in ("rust_panic_x86", "rust_panic_arm64"):
        quoted = quote(LOGS[name]).splitlines()
        assert "panicked at" in quoted[0], quoted
        assert [line for line in quoted if "R13" in line or "x27" in line] == []


def test_a_splat_that_came_earlier_is_not_quoted() -> None:
    later = parse_console("\n".join(f"[   99.00000{number}] toy: later {number}" for number in range(6)))
    assert quote((*LOGS["rust_panic_x86"], *later)) == "\n".join(
        f"toy: later {number}" for number in range(1, 6)
    )
