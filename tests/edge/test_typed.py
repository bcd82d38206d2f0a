"""Standard input of a machine's terminal that is not one: it ends, as the guest sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# what stands for QEMU reads so many bytes and ends
READER = """
import subprocess, sys
from rustbed.repro.typed import terminal

with terminal() as chardev:
    subprocess.run(["head", "-c", sys.argv[1]], check=True)
print(f"|{chardev}|{sys.stdin.read() if sys.stdin else ''}", end="")
"""


def read(stdin: int, count: int) -> bytes:
    argv = [sys.executable, "-c", READER, str(count)]
    return subprocess.run(argv, stdin=stdin, capture_output=True, check=True, timeout=600).stdout


@pytest.mark.parametrize(
    ("script", "typed"),
    [(b"", b"\x04\x04"), (b"uname -r\n", b"uname -r\n\x04\x04"), (b"uname -r", b"uname -r\n\x04")],
)
def test_behind_a_script_ctrl_d_is_typed_until_the_machine_ends(
    tmp_path: Path, script: bytes, typed: bytes
) -> None:
    (tmp_path / "script").write_bytes(script)
    with (tmp_path / "script").open("rb") as stream:
        assert read(stream.fileno(), len(typed)) == typed + b"|stdio,signal=off|"


def test_a_script_that_never_ends_does_not_keep_us() -> None:
    reads, writes = os.pipe()
    os.write(writes, b"poweroff\n")
    argv = [sys.executable, "-c", READER.partition("print")[0], "9"]
    with subprocess.Popen(argv, stdin=reads, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.read() == b"poweroff\n"
        assert child.wait(600) == 0
    os.close(reads)
    os.close(writes)


def test_closed_standard_input_ends_at_once() -> None:
    argv = ["sh", "-c", 'exec "$0" "$@" <&-', sys.executable, "-c", READER, "1"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=600)
    assert done.stdout == b"\x04|stdio,signal=off|"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_commands_do_without_streams_that_are_closed(tmp_path: Path, closed: str) -> None:
    log = tmp_path / "console.log"
    log.write_text("[    4.200000] WARNING: drivers/toy.c:8 at toy_probe+0x2f/0x90\n")
    argv = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-m", "rustbed.cli", "explain", str(log)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (1, "")
    assert ("WARNING in toy_probe" in done.stdout) == (">&-" not in closed.split())
    assert log.read_text().startswith("[    4.2")
