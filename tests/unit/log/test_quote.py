"""What an error quotes of the kernel log."""

from __future__ import annotations

from tests.unit.log.examples import LOGS
from tests.unit.log.reported import load

from rustbed.log.quote import quote
from rustbed.log.record import parse_console
from rustbed.log.registers import without_state


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


def test_what_a_register_points_to_is_not_quoted_nor_who_allocated_it() -> None:
    _, records, _ = load("arm-refuse")
    lines = [record.text for record in without_state(records)]
    assert not any("Register r" in line or "kfree" in line or "Free path" in line for line in lines)
    # registers of a frame, the last word of a stack
    assert not any(line.startswith((" r4:", "9ae0: ")) for line in lines)
    told = lines[lines.index("Call trace: ") :]
    assert len(told) == 14
    assert all(" from " in line for line in told[1:-2])
    # what comes before the trace is whole
    assert lines.index("Call trace: ") == 12
