"""Each part of a farm of three workers is killed, while a worker's pytest collects, runs a test, and ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.farms import SLOW_S, Up, start_session, up, wait_for_ends
from tests.processes import is_running, parent, wait_until

from rustbed.farm.store import BEGUN, read_attempt, read_ending, read_job

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)

COLLECT, CALL, FINISH = "collect", "call", "finish"
STAGES = (COLLECT, CALL, FINISH)
TESTS = 6
SCENE = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_numbers(number):
    pass
"""
# the first pytest of a worker that comes to the stage waits there for its end, and says where it is
CONFTEST = """
import os, pathlib, pytest, time

PLACE, STAGE = pathlib.Path(os.environ["RUSTBED_SCENE"]), os.environ["RUSTBED_STAGE"]

def wait_at(stage, config):
    attempt = config.getoption("--rustbed-farm-attempt")
    if attempt and stage == STAGE:
        try:
            (PLACE / "taken").touch(exist_ok=False)
        except FileExistsError:
            return
        (PLACE / "part").write_text(f"{os.getpid()} {attempt}")
        (PLACE / "part").rename(PLACE / "waiting")
        while not (PLACE / "go").exists():
            time.sleep(0.01)

def pytest_collection(session):
    wait_at("collect", session.config)

def pytest_runtest_call(item):
    wait_at("call", item.config)

def pytest_sessionfinish(session):
    # workers collect once for all batches
    if not session.config.option.collectonly:
        wait_at("finish", session.config)
"""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session on a farm that waits at its stage: all its batches, or one when the others have ended."""

    process: subprocess.Popen[str]
    directory: Path
    # the pytest that waits, and the stem, which is the one that collects; a worker that waits for it; and how
    # many tests have ended
    waiting: int
    stem: int
    worker: int
    finished: int

    def let_go(self) -> None:
        """Let what waits go on, if it still can."""
        (self.directory / "go").touch()

    def end(self) -> str:
        """Wait for its end, and return what it printed."""
        return self.process.communicate(timeout=SLOW_S)[0]


@contextmanager
def session(farm: Up, directory: Path, stage: str) -> Iterator[Session]:
    (directory / "conftest.py").write_text(CONFTEST)
    with start_session(farm, directory, SCENE, RUSTBED_STAGE=stage) as process:
        waits = directory / "waiting"
        wait_until(lambda: waits.exists() or process.poll() is not None, "a batch that waits", SLOW_S)
        assert process.poll() is None, process.communicate(timeout=SLOW_S)[0]
        pid, attempt = waits.read_text().split(maxsplit=1)
        batch = len(read_job(Path(attempt)).tests)
        expected = {COLLECT: 0, CALL: TESTS - batch, FINISH: TESTS}[stage]
        wait_until(lambda: len(finished(directory)) == expected, "the end of all others", SLOW_S)
        if stage != COLLECT:
            others = [path for path in attempts(directory) if path != Path(attempt)]
            wait_until(lambda: None not in map(read_ending, others), "the end of their pytests", SLOW_S)
        yield Session(
            process=process,
            directory=directory,
            waiting=int(pid),
            stem=int(pid) if stage == COLLECT else parent(parent(int(pid))),
            worker=int(Path(attempt, BEGUN).read_text().split()[1]),
            finished=expected,
        )


def finished(directory: Path) -> set[str]:
    return {test for attempt in attempts(directory) for test in read_attempt(attempt).finished}


def attempts(directory: Path) -> list[Path]:
    return [path.parent for path in directory.glob("results/2*/farm/*/job.json")]


@pytest.fixture(scope="module")
def farm() -> Iterator[Up]:
    """Return a farm that goes on when a worker or a session is killed."""
    with up(3) as farm:
        yield farm


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_costs_no_test(farm: Up, tmp_path: Path, stage: str) -> None:
    with session(farm, tmp_path, stage) as run:
        assert run.worker in farm.engines("worker")
        os.kill(run.worker, signal.SIGKILL)
        if stage == COLLECT:
            # for the other workers
            run.let_go()
        else:
            wait_for_ends([run.waiting])
        out = run.end()
    assert f"{TESTS} passed" in out
    # what a whole session sums up is lacking if its worker is lost after its last test
    assert (run.process.returncode, "farm: its worker was lost" in out) == (stage == FINISH, stage == FINISH)
    wait_until(lambda: len(farm.engines("worker")) == 3, "another worker", SLOW_S)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stem_that_is_killed_costs_no_test(farm: Up, tmp_path: Path, stage: str) -> None:
    with session(farm, tmp_path, stage) as run:
        assert parent(run.stem) == farm.process.pid
        os.kill(run.stem, signal.SIGKILL)
        wait_for_ends([run.waiting])
        out = run.end()
    assert f"{TESTS} passed" in out
    told = "farm: the process was lost that had started pytest" in out
    assert (run.process.returncode, told) == (stage == FINISH, stage == FINISH)


@pytest.mark.parametrize("stage", STAGES)
def test_of_a_session_that_is_killed_nothing_runs_on(farm: Up, tmp_path: Path, stage: str) -> None:
    with session(farm, tmp_path, stage) as run:
        workers = farm.engines("worker")
        run.process.kill()
        run.end()
        wait_for_ends([run.waiting])
    assert is_running(run.worker)
    assert farm.engines("worker") == workers


@pytest.mark.parametrize("stage", STAGES)
def test_a_scheduler_that_is_killed_leaves_what_was_finished(tmp_path: Path, stage: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with up(3, TMPDIR=str(scratch)) as farm, session(farm, tmp_path, stage) as run:
        pids = [*farm.engines("scheduler"), *farm.engines("worker"), run.waiting]
        assert len(pids) == 5
        os.kill(pids[0], signal.SIGKILL)
        out = run.end()
        assert farm.process.wait(SLOW_S) == 3
        wait_for_ends(pids)
    # pytest counts nothing that did not happen
    assert (f"{run.finished} passed" in out) == (run.finished > 0)
    # the summary's word of a lost test, or of a batch that was not told of to its end
    assert f"{'farm' if stage == FINISH else 'infra'}: the farm at {farm.url} is gone" in out
    assert run.process.returncode == pytest.ExitCode.TESTS_FAILED
    assert not list(scratch.iterdir())
