"""Steps on a command line, and the lines that come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.errors import UsageError
from rustbed.guest.rbctl import IO_MAX, StepResult, explain_errno, is_request, parse_results, require_steps


def render_result(index: int, result: StepResult) -> str:
    """Render a line as images/rbctl/rbctl.c does."""
    return f"{index} {result.value} {result.errno} {result.data.hex() or '-'}\n"


_RESULTS = st.builds(
    StepResult, value=st.integers(-1, (1 << 63) - 1), errno=st.integers(0, 133), data=st.binary(max_size=40)
)


@given(st.lists(_RESULTS, max_size=6))
def test_what_rbctl_prints_is_read_back(results: list[StepResult]) -> None:
    text = "".join(render_result(index, result) for index, result in enumerate(results))
    assert parse_results(text) == tuple(results)


def test_what_the_agent_has_no_room_for_is_no_request() -> None:
    longest = ["sys", f"write:3:{'00' * (IO_MAX - 100)}"]
    assert is_request(longest)
    assert not is_request([*longest, "x" * 300])
    assert not is_request(["sys", *["pid"] * 4000])
    assert not is_request(["get", "ä" * IO_MAX])


def test_numbers_of_errors_are_put_in_words() -> None:
    assert explain_errno("errno 17\n") == "errno 17: File exists\n"
    assert explain_errno("an errno 17") == "an errno 17"


@pytest.mark.parametrize("step", ["open:r:/a\nb", "open:r:/a\0b"])
def test_step_that_cannot_be_a_line_is_refused(step: str) -> None:
    with pytest.raises(UsageError, match="cannot hold a newline or a zero byte"):
        require_steps([step])


def test_step_with_too_many_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match=f"at most {IO_MAX} bytes"):
        require_steps([f"write:3:{'00' * (IO_MAX + 1000)}"])


def test_results_end_where_the_process_was_killed() -> None:
    assert parse_results("0 3 0 -\nSegmentation fault\n") == (StepResult(value=3),)
    assert parse_results("0 3 0 -\n1 4 0 414") == (StepResult(value=3),)
    assert parse_results("errno 32\n") == ()
    assert parse_results("") == ()


def test_refused_step_is_a_usage_error_with_rbctls_reason() -> None:
    with pytest.raises(UsageError, match="step 1 is not valid for rbctl: unknown open flag"):
        parse_results("0 3 0 -\n1 ! unknown open flag\n")


@given(st.text(max_size=60))
def test_no_output_whatever_raises_anything_else(output: str) -> None:
    try:
        parse_results(output)
    except UsageError:
        assert " ! " in output
