"""What words of our command line become in the guest."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.cli.boot import render_command


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], ""),
        (["--"], ""),
        (["--", "dmesg | tail -n 1"], "dmesg | tail -n 1"),
        (["--", "sh", "-c", "exit 7"], "sh -c 'exit 7'"),
        (["uname", "-m"], "uname -m"),
        (["--", "grep", "--", "a b", "$HOME"], "grep -- 'a b' '$HOME'"),
    ],
)
def test_one_word_is_a_shell_command_and_more_are_a_program(words: list[str], command: str) -> None:
    assert render_command(words) == command


@given(st.lists(st.text(), min_size=2))
def test_a_program_gets_its_arguments_as_they_were_given(words: list[str]) -> None:
    assert shlex.split(render_command(["--", *words])) == words
