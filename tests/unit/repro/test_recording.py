"""What is recorded, and with which QEMU options."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.machine.test_argv import spec_of, value_of

from rustbed.arch import ARCHES
from rustbed.errors import UsageError
from rustbed.repro.recording import load_recording, recorded_argv, render_initramfs


def test_commands_are_in_an_archive_behind_the_image() -> None:
    image = render_initramfs(b"070701 the image", "echo one\n")
    assert image.startswith(b"070701 the image")
    assert image.index(b"070701", 1) % 512 == 0
    assert b"rustbed/commands" in image
    assert b"\necho one\n" in image


@pytest.mark.parametrize("name", ARCHES)
def test_a_recorded_machine_counts_instructions_and_takes_no_input(name: str) -> None:
    argv = recorded_argv(spec_of(ARCHES[name]), Path("/d"), "record")
    assert value_of(argv, "-icount") == "shift=5,rr=record,rrfile=/d/recording.bin"
    assert "thread=single" in value_of(argv, "-accel")
    assert not any(word.startswith(("socket", "stdio")) for word in argv)
    assert "-qmp" not in argv


def test_playing_back_differs_in_mode_and_console_alone() -> None:
    spec = spec_of(ARCHES["arm64"])
    recorded, played = (recorded_argv(spec, Path("/d"), mode) for mode in ("record", "replay"))
    assert [(a, b) for a, b in zip(recorded, played, strict=True) if a != b] == [
        ("file,id=console,path=/d/console.log", "file,id=console,path=/d/console.again.log"),
        (
            "shift=5,rr=record,rrfile=/d/recording.bin",
            "shift=5,rr=replay,rrfile=/d/recording.bin",
        ),
    ]


@pytest.mark.parametrize("text", [None, "", "[]", "{}"])
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "recording.json").write_text(text)
    with pytest.raises(UsageError, match="has no recording"):
        load_recording(tmp_path)
