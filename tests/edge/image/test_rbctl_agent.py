"""The agent that runs rbctl's commands for a shell: a real one of each, on this host's kernel.

Skipped until the cache has a toolroot and kernel sources: `./rustbed build` puts them there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rustbed.deadline import Deadline
from rustbed.guest.rbctl import StepResult, parse_results
from rustbed.guest.shell import START_AGENT, By, Shell

EVERY_BYTE = bytes(range(256)) * 1000


class Agent:
    """A shell with its agent."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.run(START_AGENT, by=By.SHELL)
        self.pid = int(self.run("echo $_agent", by=By.SHELL)[1].split(b"/")[2])
        # ready, and its worker with it
        self.wait_for(
            lambda: self.held("1023") and self.run("rbctl sys pid")[1] == f"0 {self.worker} 0 -\n".encode()
        )

    def run(self, command: str, stdin: bytes | None = None, by: By = By.AGENT) -> tuple[int, bytes]:
        answer = self.shell.run(command, Deadline.after(120), stdin, by=by)
        return answer.status, answer.stdout

    def held(self, number: str) -> bool:
        return os.path.lexists(f"/proc/{self.pid}/fd/{number}")

    @property
    def worker(self) -> int:
        """The process that runs the commands."""
        (pid,) = self.workers()
        return pid

    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def is_busy(self) -> bool:
        return Path(f"/proc/{self.worker}/comm").read_text() == "rbctl\n"

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = Deadline.after(120)
        while not condition():
            assert not deadline.expired
            time.sleep(0.01)

    def during(self, command: str, act: Callable[[int], None]) -> tuple[int, bytes]:
        """Run a command that takes its time, and do something to its process meanwhile."""

        def wait_and_act() -> None:
            self.wait_for(self.is_busy)
            act(self.worker)

        thread = threading.Thread(target=wait_and_act)
        thread.start()
        answer = self.run(command)
        thread.join()
        return answer


@pytest.fixture
def agent(rbctl: Path, tmp_path: Path) -> Iterator[Agent]:
    ours, theirs = socket.socketpair()
    env = {"PATH": f"{rbctl.parent}:/usr/bin:/bin"}
    with subprocess.Popen(
        ["sh", "-c", "echo rustbed-ready 2; exec sh"],
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=theirs.fileno(),
        env=env,
    ) as child:
        theirs.close()
        shell = Shell(ours, tmp_path / "shell.log", lambda: None)
        shell.wait_ready(Deadline.after(120))
        made = Agent(shell)
        yield made
        shell.close()
        child.kill()
        # a stopped one would stay
        if made.held("1023"):
            os.kill(made.pid, signal.SIGKILL)


# sys/ptrace.h, and wait(2): children of any kind, such as those that are traced
SEIZE, CONTINUE, DETACH, GET_EVENT_MESSAGE, TRACE_FORK = 0x4206, 7, 17, 0x4201, 2
WALL = 0x40000000


def trace(request: int, pid: int, data: object = 0) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    given = ctypes.c_void_p(data) if isinstance(data, int) else data
    if library.ptrace(request, pid, None, given) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def wait_for_fork(pid: int) -> int:
    """Return the child that a traced process forks; it stands still before its first instruction."""
    while True:
        _, status = os.waitpid(pid, WALL)
        assert os.WIFSTOPPED(status)
        if status >> 16:
            child = ctypes.c_ulong()
            trace(GET_EVENT_MESSAGE, pid, ctypes.byref(child))
            return child.value
        trace(CONTINUE, pid, os.WSTOPSIG(status))


def test_answers_are_those_of_a_process_that_the_shell_starts(agent: Agent, tmp_path: Path) -> None:
    for command in (
        f"rbctl sys open:r:{tmp_path} 'write:1:' close:3",
        "rbctl sys 'open:r:/a b' pid:x",
        "rbctl nothing",
        "rbctl put",
        f"rbctl get {tmp_path}",
    ):
        assert agent.run(command) == agent.run(command, by=By.SUBSHELL)


def test_every_byte_goes_in_and_comes_out(agent: Agent, tmp_path: Path) -> None:
    where = f"{tmp_path}/deep/er/file"
    done = f"done {len(EVERY_BYTE)}\n".encode()
    assert agent.run(f"rbctl put {where} {len(EVERY_BYTE)} 640", EVERY_BYTE) == (0, done)
    assert agent.run(f"rbctl get {where}") == (0, EVERY_BYTE)
    assert Path(where).stat().st_mode & 0o7777 == 0o640


def test_words_arrive_as_they_are_quoted(agent: Agent, tmp_path: Path) -> None:
    strange = tmp_path / "a $b\n'*\"\\n %s"
    strange.write_bytes(b"here")
    quoted = str(strange).replace("'", "'\"'\"'")
    assert agent.run(f"rbctl get '{quoted}'") == (0, b"here")


def test_a_step_as_long_as_any_arrives_whole(agent: Agent, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    status, text = agent.run(f"rbctl sys open:rw,creat:{tmp_path}/f write:3:{data.hex()}")
    assert (status, parse_results(text.decode())[1]) == (0, StepResult(value=len(data)))
    assert (tmp_path / "f").read_bytes() == data


def test_each_command_has_descriptors_maps_and_an_input_of_its_own(agent: Agent) -> None:
    for _ in range(20):
        done = agent.run("rbctl sys open:r:/dev/zero mmap:3:4096:r:private:0 read:0:5")
        assert done == (0, b"0 3 0 -\n1 0 0 -\n2 0 0 -\n")


@pytest.mark.parametrize("step", ["close:0", "close:2", "close:1022", "read:1022:1", "dup:1023"])
def test_no_step_takes_what_the_agent_lives_of(agent: Agent, step: str) -> None:
    status, told = agent.run(f"rbctl sys {step}")
    assert (status, told) == (2, b"0 ! a descriptor of rbctl's own\n")


def test_a_session_outlives_its_command(agent: Agent, tmp_path: Path) -> None:
    pid = int(agent.run(f"rbctl session {tmp_path}/s")[1].split()[1])
    assert agent.run(f"rbctl ask {tmp_path}/s pid") == (0, f"0 {pid} 0 -\n".encode())
    # as in any process of steps
    assert agent.run(f"rbctl ask {tmp_path}/s open:r:/dev/null") == (0, b"1 3 0 -\n")
    assert agent.run("rbctl sys open:r:/dev/null") == (0, b"0 3 0 -\n")
    assert agent.run(f"rbctl ask {tmp_path}/s exit")[0] == 0


def test_a_module_that_is_refused_has_the_errno_as_status(agent: Agent) -> None:
    assert agent.run("rbctl insmod /nowhere a=1") == (2, b"errno 2\n")


def test_nothing_grows_with_the_number_of_commands(agent: Agent) -> None:
    def held() -> tuple[list[str], str]:
        status = Path(f"/proc/{agent.worker}/status").read_text()
        size = next(line for line in status.splitlines() if line.startswith("VmSize"))
        return sorted(path.name for path in Path(f"/proc/{agent.worker}/fd").iterdir()), size

    before = held()
    for _ in range(200):
        assert agent.run("rbctl sys open:r:/dev/zero mmap:3:4096:r:private:0 read:3:4")[0] == 0
        assert agent.run("rbctl get /nowhere")[0] == 1
    assert held() == before == (["0", "1", "1022", "1023", "2"], before[1])


def test_no_command_of_the_shell_has_the_agents_pipes(agent: Agent) -> None:
    assert b"pipe" not in agent.run("readlink /proc/self/fd/*", by=By.SUBSHELL)[1]


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGKILL, b"Killed\n"), (signal.SIGSEGV, b"Segmentation fault\n")]
)
def test_a_command_that_dies_is_told_as_a_shell_tells_it(agent: Agent, number: int, told: bytes) -> None:
    died = agent.during("rbctl sys sleep:60000", lambda pid: os.kill(pid, number))
    assert died == (128 + number, told)
    assert agent.run("rbctl sys sleep:0") == (0, b"0 0 0 -\n")


def test_an_agent_that_is_stopped_and_goes_on_answers(agent: Agent) -> None:
    def interrupt(worker: int) -> None:
        for number in (signal.SIGSTOP, signal.SIGCONT):
            os.kill(agent.pid, number)
            os.kill(worker, number)

    # a poll that was interrupted goes on; it lasts until it has been
    assert agent.during("rbctl sys sleep:3000", interrupt) == (0, b"0 0 0 -\n")


def test_a_worker_that_dies_between_commands_is_replaced(agent: Agent) -> None:
    before = agent.worker
    os.kill(before, signal.SIGKILL)
    agent.wait_for(lambda: agent.workers() not in ([], [before]))
    assert agent.run("rbctl sys sleep:0") == (0, b"0 0 0 -\n")


def test_a_request_that_a_dying_worker_took_is_a_command_that_was_killed(agent: Agent) -> None:
    for _ in range(20):
        os.kill(agent.worker, signal.SIGKILL)
        assert agent.run("rbctl sys sleep:0") in ((0, b"0 0 0 -\n"), (137, b"Killed\n"))
        agent.wait_for(agent.workers)


def test_without_its_agent_the_shell_starts_the_processes(agent: Agent) -> None:
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait_for(lambda: not agent.held("1023"))
    assert agent.run("rbctl sys open:r:/dev/zero read:3:1") == (0, b"0 3 0 -\n1 1 0 00\n")


def test_the_agent_dies_with_its_shell(agent: Agent) -> None:
    worker = agent.worker
    os.kill(int(agent.run("echo $$", by=By.SUBSHELL)[1]), signal.SIGKILL)
    agent.wait_for(lambda: not agent.held("1023") and not Path(f"/proc/{worker}/fd/1023").exists())


def test_a_worker_whose_agent_died_before_it_could_ask_for_a_signal_ends(agent: Agent) -> None:
    try:
        trace(SEIZE, agent.pid, TRACE_FORK)
    except OSError as error:
        pytest.skip(f"{error}: processes cannot be traced here")
    os.kill(agent.worker, signal.SIGKILL)
    worker = wait_for_fork(agent.pid)
    os.kill(agent.pid, signal.SIGKILL)
    os.waitpid(agent.pid, WALL)
    assert os.path.lexists(f"/proc/{worker}/fd/1023")
    os.waitpid(worker, WALL)
    trace(DETACH, worker)
    agent.wait_for(lambda: not Path(f"/proc/{worker}/fd/1023").exists())


def test_an_agent_that_dies_meanwhile_is_a_command_that_was_killed(agent: Agent) -> None:
    assert agent.during("rbctl sys sleep:60000", lambda _: os.kill(agent.pid, signal.SIGKILL))[0] == 137
    assert agent.run("rbctl sys sleep:0")[0] == 0
