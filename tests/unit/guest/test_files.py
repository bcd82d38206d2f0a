"""An ioctl's argument as a step has it, and what comes back of it."""

from __future__ import annotations

import pytest

from rustbed.guest.files import Argument, IoctlResult, Struct, render_argument, result_of
from rustbed.guest.rbctl import StepResult

NESTED = Struct(bytes(16), {0: b"ab", 8: b""})


@pytest.mark.parametrize(
    ("argument", "rendered"),
    [
        (None, "none"),
        (7, "int:7"),
        (b"\x01\x02", "buf:0102"),
        (NESTED, f"ptr:{'00' * 16},0=6162,8="),
        (Struct(b"\xff", {}), "ptr:ff"),
    ],
)
def test_argument_is_rendered(argument: Argument, rendered: str) -> None:
    assert render_argument(argument) == rendered


def test_what_a_structure_points_to_comes_back_by_offset() -> None:
    done = StepResult(value=3, data=bytes(range(16)) + b"AB")
    assert result_of(done, NESTED) == IoctlResult(value=3, data=bytes(range(16)), pointed={0: b"AB", 8: b""})


def test_a_plain_buffer_comes_back_whole() -> None:
    assert result_of(StepResult(value=0, data=b"AB"), b"ab") == IoctlResult(value=0, data=b"AB")
