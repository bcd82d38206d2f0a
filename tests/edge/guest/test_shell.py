"""The shell channel, against a real sh at the other end of a socket."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tests.properties  # noqa: F401 - settings below inherit from it
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rustbed.deadline import Deadline
from rustbed.guest.shell import By, Shell


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shell") / "shell.log"


@pytest.fixture(scope="module")
def shell(log: Path) -> Iterator[Shell]:
    ours, theirs = socket.socketpair()
    with subprocess.Popen(
        ["sh", "-c", "echo rustbed-ready 2; exec sh"],
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=theirs.fileno(),
    ) as child:
        theirs.close()
        shell = Shell(ours, log, lambda: None)
        shell.wait_ready(Deadline.after(120))
        yield shell
        shell.close()
        child.kill()


def run(shell: Shell, command: str, stdin: bytes | None = None) -> tuple[int, bytes]:
    answer = shell.run(command, Deadline.after(120), stdin)
    return answer.status, answer.stdout


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("true", 0, b""),
        ("exit 3", 3, b""),
        ("printf abc", 0, b"abc"),
        ("echo abc", 0, b"abc\n"),
        ("printf 'a\\n\\n'", 0, b"a\n\n"),
        ("echo \"it's\" '$HOME'", 0, b"it's $HOME\n"),
        ("echo out; echo err >&2", 0, b"out\nerr\n"),
        ("printf '\\0\\377\\r\\033[6n'", 0, b"\0\xff\r\x1b[6n"),
        ("cat", 0, b""),
        ("echo one\necho two", 0, b"one\ntwo\n"),
    ],
)
def test_status_and_output_are_exact(shell: Shell, command: str, status: int, output: bytes) -> None:
    assert run(shell, command) == (status, output)


@pytest.mark.parametrize(
    ("command", "status", "output"), [("echo err >&2", 0, b"err\n"), ("false", 1, b""), ("cat", 0, b"")]
)
def test_command_without_a_subshell_answers_like_one_with(
    shell: Shell, command: str, status: int, output: bytes
) -> None:
    answer = shell.run(command, Deadline.after(120), by=By.SHELL)
    assert (answer.status, answer.stdout) == (status, output)


def test_death_by_signal_is_128_and_the_signal(shell: Shell) -> None:
    assert run(shell, "sh -c 'kill -9 $$'")[0] == 137


def test_syntax_error_costs_only_its_own_command(shell: Shell) -> None:
    status, output = run(shell, "echo 'unterminated; (")
    assert status != 0
    assert b"nterminated" in output
    assert run(shell, "echo next") == (0, b"next\n")


def test_nothing_carries_over_to_the_next_command(shell: Shell) -> None:
    run(shell, "cd /; value=1; exec 9</dev/null")
    assert run(shell, 'echo "$value"; [ -e /dev/fd/9 ]') == (1, b"\n")


def test_output_of_a_background_job_is_not_an_answer(shell: Shell) -> None:
    assert run(shell, "(sleep 0.2; echo late; echo late) & echo now") == (0, b"now\n")
    run(shell, "sleep 0.4")
    assert run(shell, "echo mine") == (0, b"mine\n")


def test_output_that_imitates_a_mark_is_only_output(shell: Shell) -> None:
    assert run(shell, "echo 0.1:begin; echo 0.1:end 0") == (0, b"0.1:begin\n0.1:end 0\n")


def test_standard_input_reaches_the_command(shell: Shell) -> None:
    data = bytes(range(256)) * 300
    status, output = run(shell, f"echo go; head -c {len(data)} | cksum; echo done", data)
    assert status == 0
    expected = subprocess.run(["cksum"], input=data, capture_output=True, check=True).stdout
    assert output == expected + b"done\n"
    assert run(shell, "echo in step") == (0, b"in step\n")


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_any_text_survives_quoting(shell: Shell, text: str) -> None:
    assert run(shell, f"printf %s {shlex.quote(text)}") == (0, text.encode())


def test_transcript_has_command_output_and_status(shell: Shell, log: Path) -> None:
    run(shell, "echo seen; exit 4")
    assert log.read_text(errors="replace").endswith("$ echo seen; exit 4\nseen\n\n[4]\n")
