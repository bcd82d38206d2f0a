"""The batches of a worker: each is a pytest as if it were started, forked from one that is warm."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from tests.farms import SLOW_S, environment, started
from tests.processes import is_running, wait_until

from rustbed import process
from rustbed.errors import HostError
from rustbed.farm.stems import Stems, open_pair
from rustbed.farm.store import Job, read_attempt, write_cases, write_job
from rustbed.farm.warm import Warm

FACTS = """
import gc, json, os, pathlib, signal, sys, threading

def test_facts(request):
    listed = request.config.pluginmanager.list_name_plugin()
    facts = {
        "arguments": [word for word in sys.argv[1:] if "attempt" not in word],
        "directory": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "path": sys.path,
        "main": sys.modules["__main__"].__spec__.name,
        "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "files": len(os.listdir("/proc/self/fd")),
        "input": os.read(0, 1).hex(),
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "threads": threading.active_count(),
        "collects": gc.isenabled(),
        "plugins": sorted(name for name, _ in listed if not name.isdigit()),
    }
    pathlib.Path("facts").write_text(json.dumps(facts))
"""
TESTS = """
import atexit, os, pathlib, subprocess, tempfile, time, weakref

PLACE = pathlib.Path(os.environ["RUSTBED_PLACE"])
HELD = tempfile.TemporaryDirectory(dir=PLACE, prefix="held-")
MADE = tempfile.mkdtemp(dir=PLACE, prefix="made-")
atexit.register(os.rmdir, MADE)
state = []

def test_has_its_directories():
    assert os.path.isdir(HELD.name) and os.path.isdir(MADE)
    assert not state
    state.append(1)

def test_leaves():
    state.append(subprocess.Popen(["sleep", "3600"]))
    (PLACE / "left").write_text(str(state[0].pid))
    atexit.register((PLACE / "ended").touch)
    weakref.finalize(test_leaves, (PLACE / "finalized").touch)

def test_kills_itself():
    os.kill(os.getpid(), 9)

def test_kills_its_parent():
    os.kill(os.getppid(), 9)
    time.sleep(3600)

def test_is_let_go():
    (PLACE / "waits").touch()
    while not (PLACE / "go").exists():
        time.sleep(0.01)

def test_waits():
    (PLACE / "part").write_text(str(os.getpid()))
    (PLACE / "part").rename(PLACE / "waits")
    time.sleep(3600)
"""
# an address that one process at a time can have
ALONE = """
import os, socket

server = socket.socket(socket.AF_UNIX)
server.bind("\\0rustbed-%d" % os.stat(os.environ["RUSTBED_PLACE"]).st_ino)
"""
# what a forked process would not have
LACKING = {
    "thread": """
import threading

held = threading.Event()
thread = threading.Thread(target=held.wait, daemon=True)
thread.start()
""",
    "process": """
import subprocess

child = subprocess.Popen(["sleep", "3600"])
""",
}
LACKED = {
    "thread": "def test_it(): assert conftest.thread.is_alive()",
    "process": "def test_it(): assert conftest.child.poll() is None",
}


@dataclass
class Project:
    """A directory with tests, and the parts of two workers for it."""

    warm: Warm
    other: Warm
    place: Path
    job: Job
    numbers: Iterator[int]

    def run(
        self,
        *tests: str,
        is_wanted: Callable[[], bool] = lambda: True,
        warm: Warm | None = None,
        **changes: object,
    ) -> int | None:
        attempt = self.place / str(next(self.numbers))
        job = replace(self.job, attempt=str(attempt), tests=tests, **changes)  # type: ignore[arg-type]
        write_job(job)
        with (attempt / "pytest.log").open("ab") as log:
            return (warm or self.warm).run(job, log.fileno(), is_wanted)

    @property
    def last(self) -> Path:
        return max(
            (path for path in self.place.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
        )

    def printed(self) -> str:
        return (self.last / "pytest.log").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    # this process may be a worker of xdist
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    place, copy = tmp_path / "place", tmp_path / "copy"
    place.mkdir()
    copy.mkdir()
    (copy / "test_facts.py").write_text(FACTS)
    (copy / "test_it.py").write_text(TESTS)
    words = ["-q", "-W", "error", "-p", "no:cacheprovider", f"--rootdir={copy}"]
    write_cases(place, {})
    given = {"RUSTBED_PLACE": str(place), "PYTEST_ADDOPTS": "--strict-markers"}
    job = Job(attempt="", arguments=words, directory=str(copy), environment=given, tests=())
    with workers(2) as (warm, other):
        yield Project(warm, other, place, job, count())


def stems() -> list[int]:
    """Return the stems of this process that run."""
    return started(os.getpid(), "rustbed.farm.stem")


@contextmanager
def workers(number: int) -> Iterator[list[Warm]]:
    """Yield workers' parts; another thread has the stems, as another process has in a farm."""
    pairs = [open_pair() for _ in range(number)]

    def serve() -> None:
        asking = {ours: str(name) for name, (ours, _) in enumerate(pairs)}
        with Stems({}) as stems:
            while asking:
                for each in select.select([*asking], [], [], 0.1)[0]:
                    if not stems.answer(asking[each], each):
                        del asking[each]
                stems.look()

    thread = Thread(target=serve)
    thread.start()
    made = [Warm(theirs) for _, theirs in pairs]
    try:
        yield made
    finally:
        for warm, (_, theirs) in zip(made, pairs, strict=True):
            warm.close()
            theirs.close()
        thread.join()
        for ours, _ in pairs:
            ours.close()


def test_each_batch_is_a_pytest_as_if_it_were_started(project: Project) -> None:
    facts, seen = Path(project.job.directory, "facts"), []
    for _ in range(3):
        assert project.run("test_facts.py::test_facts") == 0, project.printed()
        seen.append(json.loads(facts.read_text()))
    argv = [sys.executable, "-m", "pytest", *project.job.arguments, f"--rustbed-farm-attempt={project.last}"]
    directory = Path(project.job.directory)
    with process.start(argv, cwd=directory, env=project.job.environment) as started:
        assert process.wait(started, SLOW_S) == 0
    expected = json.loads(facts.read_text())
    for each in seen:
        assert {name: each[name] for name in each if each[name] != expected[name]} == {}


def test_what_a_module_made_when_it_was_imported_is_there_until_the_session_is_over(project: Project) -> None:
    for _ in range(3):
        assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    made = [*project.place.glob("held-*"), *project.place.glob("made-*")]
    assert len(made) == 2
    # as at the end of a session
    shutil.rmtree(project.job.directory)
    wait_until(lambda: not any(path.exists() for path in made), "the end of the stem", SLOW_S)


def test_what_a_batch_leaves_is_ended_and_its_own_exit_runs(project: Project) -> None:
    assert project.run("test_it.py::test_leaves") == 0, project.printed()
    assert [(project.place / name).exists() for name in ("ended", "finalized")] == [True, True]
    left = int((project.place / "left").read_text())
    wait_until(lambda: not is_running(left), "the end of what a test left", SLOW_S)


def test_a_batch_that_is_killed_costs_the_next_one_nothing(project: Project) -> None:
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    assert project.run("test_it.py::test_kills_itself") == -9
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    assert read_attempt(project.last).finished == {"test_it.py::test_has_its_directories"}


def test_a_batch_that_kills_its_parent_costs_the_next_one_and_other_workers_nothing(project: Project) -> None:
    waits = project.place / "waits"
    with ThreadPoolExecutor() as pool:
        other = pool.submit(project.run, "test_it.py::test_is_let_go", warm=project.other)
        try:
            wait_until(lambda: waits.exists() or other.done(), "the other worker's batch", SLOW_S)
            (stem,) = stems()
            with pytest.raises(HostError, match="the process was lost that had started pytest"):
                project.run("test_it.py::test_kills_its_parent")
            assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
        finally:
            (project.place / "go").touch()
        assert other.result(SLOW_S) == 0
    assert stems() == [stem]


def test_workers_share_what_was_imported(project: Project) -> None:
    for warm in (project.warm, project.other, project.warm):
        assert project.run("test_it.py::test_has_its_directories", warm=warm) == 0, project.printed()
    assert len(list(project.place.glob("made-*"))) == 1


def test_a_stem_that_cannot_be_started_says_why(project: Project) -> None:
    nowhere = f"{project.place}/nowhere"
    with pytest.raises(HostError, match=r"cannot start .*: No such file or directory"):
        project.run("test_it.py::test_has_its_directories", directory=nowhere)
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()


def test_a_stem_that_was_killed_is_started_again(project: Project) -> None:
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    (stem,) = stems()
    os.kill(stem, signal.SIGKILL)
    wait_until(lambda: stem not in stems(), "its end", SLOW_S)
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    assert len(stems()) == 1


def test_a_batch_that_nobody_waits_for_is_ended(project: Project) -> None:
    waits = project.place / "waits"
    assert project.run("test_it.py::test_waits", is_wanted=lambda: not waits.exists()) is None
    pid = int(waits.read_text())
    wait_until(lambda: not is_running(pid), "its end", SLOW_S)


@pytest.mark.parametrize("lacking", LACKING)
def test_nothing_is_forked_that_would_lack(lacking: str, project: Project) -> None:
    copy = Path(project.job.directory)
    (copy / "conftest.py").write_text(ALONE + LACKING[lacking])
    (copy / "test_lacked.py").write_text(f"import conftest\n{LACKED[lacking]}\n")
    for _ in range(2):
        assert project.run("test_lacked.py::test_it") == 0, project.printed()


def test_a_session_with_other_variables_imports_its_own(project: Project) -> None:
    other = project.place / "other"
    other.mkdir()
    assert project.run("test_it.py::test_has_its_directories") == 0, project.printed()
    given = {**project.job.environment, "RUSTBED_PLACE": str(other)}
    assert project.run("test_it.py::test_has_its_directories", environment=given) == 0, project.printed()
    assert len(list(other.iterdir())) == 2
    # the first session's go with its stem
    wait_until(lambda: not [*project.place.glob("held-*"), *project.place.glob("made-*")], "its end", SLOW_S)
