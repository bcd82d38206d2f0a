"""A bundle's own script, run by sh with something else in QEMU's place."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.unit.machine.test_argv import spec_of
from tests.unit.repro.scenes import told

from rustbed.arch import ARCHES
from rustbed.repro.script import (
    COMMANDS,
    MONITOR,
    pause_before,
    render_commands,
    render_monitor,
    render_script,
)

# what base64 and cat do in the guest, they do here
INPUT = bytes(range(256)) * 40


def run_commands(text: str, directory: Path) -> str:
    """Give the text to sh as the guest's shell gets it, without the waiting and the end."""
    kept = [line for line in text.splitlines() if not line.startswith(("(sleep", "sleep", "poweroff"))]
    done = subprocess.run(
        ["sh"], input="\n".join(kept), capture_output=True, text=True, cwd=directory, check=True
    )
    return done.stdout


def test_commands_are_shown_run_and_answered(tmp_path: Path) -> None:
    text = render_commands((told("echo 'a b'; false"), told("cd /; exit 3"), told("pwd")), lambda _: b"")
    assert run_commands(text, tmp_path) == (
        f"$ echo 'a b'; false\na b\n[1]\n$ cd /; exit 3\n[3]\n$ pwd\n{tmp_path}\n[0]\n"
    )


def test_what_a_command_read_it_reads_again(tmp_path: Path) -> None:
    text = render_commands((told("cat >it", stdin="1"), told("echo next")), lambda _: INPUT)
    assert run_commands(text, tmp_path) == "$ cat >it\n[0]\n$ echo next\nnext\n[0]\n"
    assert (tmp_path / "it").read_bytes() == INPUT


def test_the_tests_pauses_are_kept() -> None:
    commands = (told("a", 1.0), told("b", 1.02), told("c", 3.5))
    assert [round(pause_before(commands, index), 2) for index in range(3)] == [0.0, 0.01, 2.47]
    text = render_commands(commands, lambda _: b"")
    assert [line for line in text.splitlines() if line.startswith("sleep")] == ["sleep 2.47", "sleep 1"]


def test_a_guest_that_hangs_ends_itself() -> None:
    assert render_commands((told("a", 30.0),), lambda _: b"").startswith("(sleep 150; poweroff -f)")


def fake_qemu(directory: Path, text: str) -> Path:
    path = directory / "fake"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def run_script(directory: Path, text: str, qemu: Path) -> str:
    (directory / "run.sh").write_text(text)
    done = subprocess.run(
        ["sh", str(directory / "run.sh")],
        env={"QEMU": str(qemu), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_script_starts_qemu_in_the_bundle_with_the_commands(tmp_path: Path) -> None:
    """An end of file on its standard input is what QEMU takes for a host that went away."""
    (tmp_path / COMMANDS).write_text("one\ntwo\n")
    qemu = fake_qemu(
        tmp_path, 'pwd; read a; read b; echo "$a $b"; timeout 0.2 cat; echo $?; for w; do echo "<$w>"; done\n'
    )
    said = run_script(tmp_path, render_script(spec_of(ARCHES["arm64"]), "a\nb", with_monitor=False), qemu)
    lines = said.splitlines()
    assert lines[:3] == [str(tmp_path), "one two", "124"]
    assert "<-kernel>" in lines
    assert lines[-1] == f"the console is in {tmp_path}/console.again.log"
    assert not (tmp_path / "shell.in").exists()


def test_the_script_feeds_the_monitor_when_the_guest_says_so(tmp_path: Path) -> None:
    commands = (
        told("qom-list", arguments={"path": "/"}),
        told("device_add", arguments={"driver": "edu", "id": "x"}),
        told("echo done"),
    )
    (tmp_path / COMMANDS).write_text(render_commands(commands, lambda _: b""))
    (tmp_path / MONITOR).write_text(render_monitor(commands))
    qemu = fake_qemu(
        tmp_path,
        "echo 'something else'; echo '@monitor 1'\n"
        '{ read a; read b; } <monitor.in; echo "$a"; echo "$b"\n',
    )
    said = run_script(tmp_path, render_script(spec_of(ARCHES["arm64"]), "t", with_monitor=True), qemu)
    assert said.splitlines()[:3] == [
        "something else",
        '{"execute": "qmp_capabilities"}',
        '{"execute": "device_add", "arguments": {"driver": "edu", "id": "x"}}',
    ]
    assert not (tmp_path / "monitor.in").exists()


def test_a_tests_name_cannot_leave_its_comment() -> None:
    script = render_script(spec_of(ARCHES["arm64"]), "x\nrm -rf /\r\x1b[2J", with_monitor=False)
    assert "# x?rm -rf /??[2J\n" in script
