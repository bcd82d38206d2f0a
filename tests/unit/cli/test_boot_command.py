"""What words of `rustbed boot` become in the guest."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.cli.boot import parse_push, render_command
from rustbed.errors import UsageError


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


@pytest.mark.parametrize(("to", "remote"), [("", "/tool"), (":/bin/other", "/bin/other"), (":/a:b", "/a:b")])
def test_a_file_is_pushed_to_its_name_or_where_it_is_wanted(tmp_path: Path, to: str, remote: str) -> None:
    (tmp_path / "tool").touch()
    assert list(parse_push(f"{tmp_path}/tool{to}")) == [(remote, tmp_path / "tool")]


def test_a_directory_is_pushed_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    for name in ("one", "deep/two"):
        (tmp_path / "data" / name).touch()
    remotes = [remote for remote, _ in parse_push(f"{tmp_path}/data:/opt/")]
    assert remotes == ["/opt/deep/two", "/opt/one"]


def test_a_file_that_is_not_there_is_refused_before_anything_boots() -> None:
    with pytest.raises(UsageError, match="no such file or directory to push: /nowhere"):
        list(parse_push("/nowhere:/there"))
