"""The door to other programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.processes import is_running, wait_until

from rustbed import process
from rustbed.errors import HostError
from rustbed.process import ProgramError


def test_output_and_status_come_back() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], attempted="trying", check=False)
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_failure_says_what_for_what_it_wrote_and_how_to_repeat() -> None:
    with pytest.raises(ProgramError) as caught:
        process.run(["sh", "-c", "echo 'no such luck' >&2; exit 3"], attempted="making tea")
    text = str(caught.value)
    assert text.startswith("making tea: sh ended with status 3")
    assert "no such luck" in text
    assert "sh -c 'echo" in text


def test_missing_program_names_its_package() -> None:
    with pytest.raises(HostError, match="frobnicate is not installed") as caught:
        process.require_program("frobnicate", "frob-utils")
    assert "apt-get install frob-utils" in str(caught.value)


def test_timeout_ends_the_program_and_its_children(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    code = f"exec 9>{held}; sleep 600 & sleep 600"
    with os.fdopen(os.open(held, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
        with pytest.raises(HostError, match=r"did not end within 2 s"):
            process.run(["sh", "-c", code], attempted="waiting", timeout_s=2.0)
        # at its end when no process has it open any more
        wait_until(lambda: pipe.read() == b"", "the end of what was started")


def test_standard_input_is_delivered() -> None:
    assert process.run(["cat"], attempted="echoing", stdin=b"\0abc").stdout == b"\0abc"


def test_long_output_goes_to_log_and_listener_line_by_line(tmp_path: Path) -> None:
    lines: list[str] = []
    log = tmp_path / "log"
    status = process.run_logged(["sh", "-c", "echo a; echo b >&2; exit 4"], log=log, on_line=lines.append)
    assert status == 4
    assert sorted(lines) == ["a", "b"]
    assert sorted(log.read_text().split()) == ["a", "b"]


def test_environment_is_added_to_ours() -> None:
    done = process.run(["sh", "-c", 'echo "$FRUIT:$HOME"'], attempted="asking", env={"FRUIT": "fig"})
    assert done.text.startswith("fig:/")


def test_program_that_ignores_sigterm_is_killed() -> None:
    code = "trap '' TERM; echo on; while :; do sleep 1; done"
    with process.start(["sh", "-c", code], stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert process.stop(child, grace_s=0.2) == -9


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A process that subprocess does not know: all that is there is its number."""

    pid: int

    def poll(self) -> int | None:
        return None if is_running(self.pid) else 0

    def kill(self) -> None:
        os.kill(self.pid, 9)


def test_process_that_is_not_our_child_is_waited_for_and_stopped() -> None:
    code = "setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1' &"
    stranger = Stranger(pid=int(process.run(["sh", "-c", code], attempted="starting").text))
    assert process.wait(stranger, 0.05) is None
    assert process.stop(stranger) == 0
    assert not is_running(stranger.pid)
    assert process.wait(stranger, 0.05) == 0


@pytest.mark.parametrize("reaped", [False, True])
def test_a_status_is_waited_for_while_another_thread_asks_for_it(reaped: bool) -> None:
    """Popen.poll() returns None to a thread that asks while another does, which may just have reaped it."""

    class Asked:
        def __init__(self, child: process.Child) -> None:
            self.child = child
            self.pid = child.pid
            self.refusals = 3

        def poll(self) -> int | None:
            self.refusals -= 1
            return None if self.refusals >= 0 else self.child.wait()

        def kill(self) -> None:
            self.child.kill()

    with process.start(["true"]) as child:
        if reaped:
            child.wait()
        assert process.wait(Asked(child), timeout_s=120) == 0
