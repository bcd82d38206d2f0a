"""Sessions of rbctl, and files put through a stream, on this host's kernel.

Skipped until the cache has a toolroot and kernel sources: `./rustbed build` puts them there.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.image.conftest import call
from tests.processes import is_running, wait_until

from rustbed.guest.rbctl import StepResult, parse_results


class Session:
    """A session in a directory that the test made up."""

    def __init__(self, rbctl: Path, directory: Path) -> None:
        self.rbctl = rbctl
        self.directory = directory
        started = call(rbctl, "session", str(directory))
        assert started.returncode == 0
        self.pid = int(started.stdout.split()[1])

    def call(self, command: str, *words: str) -> tuple[int, str]:
        done = call(self.rbctl, command, str(self.directory), *words)
        return done.returncode, done.stdout.decode()

    def end(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@pytest.fixture
def session(rbctl: Path, tmp_path: Path) -> Iterator[Session]:
    made = Session(rbctl, tmp_path / "s")
    yield made
    made.end()


def test_session_holds_descriptors_between_commands(session: Session, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert session.call("ask", f"open:r:{tmp_path}/f", "read:3:1") == (0, "0 3 0 -\n1 1 0 61\n")
    (tmp_path / "f").unlink()
    assert session.call("ask", "read:3:9") == (0, "2 2 0 6263\n")


def test_session_is_alone_with_its_descriptors(session: Session) -> None:
    # its process is told of before it has put its descriptors in order: an answer comes after that
    assert session.call("ask", "sleep:0") == (0, "0 0 0 -\n")
    held = sorted(int(path.name) for path in Path(f"/proc/{session.pid}/fd").iterdir())
    assert held == [0, 1, 2, 1022, 1023]
    assert {str(Path(f"/proc/{session.pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)} == {"/dev/null"}


def test_session_goes_on_after_a_step_that_makes_no_sense(session: Session) -> None:
    assert session.call("ask", "fly", "sleep:0") == (0, "0 ! unknown step\n1 0 0 -\n")


def test_exit_ends_the_session_and_takes_its_directory_away(session: Session) -> None:
    assert session.call("ask", "exit") == (0, f"0 {session.pid} 0 -\n")
    wait_until(lambda: not session.directory.exists(), "the directory to go")
    assert session.call("ask", "pid") == (1, f"errno {errno.EPIPE}\n")


def test_killed_session_is_noticed(session: Session) -> None:
    session.end()
    wait_until(lambda: not is_running(session.pid), "the end of the session")
    assert session.call("ask", "pid") == (1, f"errno {errno.EPIPE}\n")


def test_session_killed_while_asked_is_noticed(session: Session) -> None:
    argv = [str(session.rbctl), "ask", str(session.directory), "sleep:60000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as asking:
        time.sleep(0.1)
        session.end()
        assert asking.communicate(timeout=600)[0] == f"errno {errno.EPIPE}\n".encode()
    assert asking.returncode == 1


def test_blocking_step_is_sent_and_its_result_received_later(session: Session, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    session.call("ask", f"open:rw:{tmp_path}/p")
    assert session.call("send", "read:3:9") == (0, "")
    assert session.call("receive", "1", "20") == (1, f"errno {errno.ETIMEDOUT}\n")
    (tmp_path / "p").write_bytes(b"now")
    assert session.call("receive", "1", "5000") == (0, "1 3 0 6e6f77\n")


def test_large_results_come_whole(session: Session) -> None:
    status, text = session.call("ask", "open:r:/dev/zero", "read:3:300000")
    assert (status, parse_results(text)[1]) == (0, StepResult(value=300000, data=bytes(300000)))


def test_session_directory_that_exists_is_left_alone(rbctl: Path, tmp_path: Path) -> None:
    done = call(rbctl, "session", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, f"errno {errno.EEXIST}\n".encode())


def test_put_writes_the_bytes_and_leaves_the_rest_of_the_stream(rbctl: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    script = f"{rbctl} put {tmp_path}/f {len(data)} 750; exec cat"
    done = subprocess.run(["sh", "-c", script], input=data + b"rest", stdout=subprocess.PIPE, check=True)
    assert done.stdout == f"go\ndone {len(data)}\nrest".encode()
    assert (tmp_path / "f").read_bytes() == data
    assert (tmp_path / "f").stat().st_mode & 0o7777 == 0o750


@pytest.mark.parametrize(("path", "number"), [("/dev/full", errno.ENOSPC), ("/proc/nowhere/f", errno.ENOENT)])
def test_put_takes_its_bytes_from_the_stream_even_when_the_file_fails(
    rbctl: Path, path: str, number: int
) -> None:
    script = f"{rbctl} put {path} 100000 600; echo $?; exec cat"
    done = subprocess.run(
        ["sh", "-c", script], input=bytes(100000) + b"rest", stdout=subprocess.PIPE, check=True
    )
    assert done.stdout == f"go\nerrno {number}\n1\nrest".encode()


def test_put_of_a_stream_that_ends_early_fails(rbctl: Path, tmp_path: Path) -> None:
    done = call(rbctl, "put", str(tmp_path / "f"), "10", "644", stdin=b"hel")
    assert (done.returncode, done.stdout) == (1, f"go\nerrno {errno.EPIPE}\n".encode())


def test_put_of_nothing_makes_an_empty_file(rbctl: Path, tmp_path: Path) -> None:
    assert call(rbctl, "put", str(tmp_path / "f"), "0", "644").stdout == b"go\ndone 0\n"
    assert (tmp_path / "f").read_bytes() == b""


@pytest.mark.parametrize(
    "words", [("f", "x", "644"), ("f", "-1", "644"), ("f", "1", "888"), ("f", "1", "77777")]
)
def test_put_refuses_nonsense_before_it_reads(rbctl: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    done = call(rbctl, "put", str(tmp_path / words[0]), *words[1:], stdin=b"x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert not (tmp_path / "f").exists()
