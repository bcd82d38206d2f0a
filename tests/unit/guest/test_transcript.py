"""Commands written down and read back."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.guest.kmsg import render_fence
from rustbed.guest.transcript import Command, Transcript, parse_transcript


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def facts(command: Command) -> tuple[object, ...]:
    return command.text, command.stdin, command.arguments, command.status, command.output


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    log = Transcript(path, time.monotonic())
    log.command("insmod 'ä'\nnewline", None)
    log.answer(1, b"\xff")
    log.command("rbctl put /x 2 644", b"\0\n")
    log.answer(0, b"")
    log.qmp("device_add", {"driver": "edu"})
    log.command("sleep 99", None)
    log.close()
    commands = parse_transcript(path.read_text())
    assert [facts(command) for command in commands] == [
        ("insmod 'ä'\nnewline", None, None, 1, digest(b"\xff")),
        ("rbctl put /x 2 644", digest(b"\0\n"), None, 0, digest(b"")),
        ("device_add", None, {"driver": "edu"}, None, None),
        ("sleep 99", None, None, None, None),
    ]
    assert (tmp_path / "inputs" / digest(b"\0\n")).read_bytes() == b"\0\n"


def test_fences_are_not_part_of_it(tmp_path: Path) -> None:
    log = Transcript(tmp_path / "transcript.jsonl", time.monotonic())
    log.command("true", None)
    log.answer(0, b"")
    log.command(f"echo '{render_fence('7')}' >/dev/kmsg", None)
    log.answer(3, b"of the fence")
    log.close()
    (command,) = parse_transcript((tmp_path / "transcript.jsonl").read_text())
    assert (command.text, command.status) == ("true", 0)


def test_times_are_seconds_since_the_start(tmp_path: Path) -> None:
    log = Transcript(tmp_path / "transcript.jsonl", time.monotonic() - 100)
    log.command("true", None)
    log.close()
    assert 100 <= parse_transcript((tmp_path / "transcript.jsonl").read_text())[0].at_s < 110


def test_a_line_that_its_writer_did_not_finish_is_left_out() -> None:
    assert [c.text for c in parse_transcript('{"at": 1, "run": "true"}\n{"at": 2, "ru')] == ["true"]


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"at": 1}', '{"run": "x"}', '{"at": 1, "status": 0}', "3"]
)
def test_a_line_that_is_wrong_is_named(line: str) -> None:
    with pytest.raises(UsageError, match=r"transcript\.jsonl:1: this is not a command"):
        parse_transcript(line + "\n")
