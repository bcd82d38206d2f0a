"""A test copies its own machine, at any moment."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from rustbed import CrashError, testrun
from rustbed.arch import Arch
from rustbed.forks.hot.copier import Copied, Copier
from tests.boot.copied import Start
from tests.boot.pytest_runs import pytest_argv
from tests.processes import is_running


@pytest.mark.parametrize("cpus", [1, 2])
def test_copy_has_files_modules_processes_and_log_of_its_moment(start: Start) -> None:
    with start() as vm, vm.module("rust_minimal"):
        vm.check("echo before >/tmp/when; (while :; do sleep 1; done) & echo $! >/tmp/pid")
        with vm.fork() as twin:
            vm.check("echo after >/tmp/when")
            assert twin.check("cat /tmp/when") == "before"
            assert twin.check("cat /proc/modules") == vm.check("cat /proc/modules")
            assert twin.check("kill -0 $(cat /tmp/pid) && echo lives") == "lives"
            twin.rmmod("rust_minimal")
            said = twin.log.messages
            assert any("init" in line for line in said)
            assert any("exit" in line for line in said)
            assert not any("exit" in line for line in vm.log.messages)
            assert twin.live.log_damage == ""


@pytest.mark.parametrize("cpus", [1, 2])
def test_open_file_is_open_in_the_copy(start: Start) -> None:
    with start() as vm:
        vm.check("echo abcdef >/tmp/letters")
        with vm.open("/tmp/letters", "r") as file:
            assert file.read(2) == b"ab"
            with vm.fork() as twin:
                assert file.of(twin).read(2) == b"cd"
                assert file.of(twin).read(2) == b"ef"
            assert file.read(2) == b"cd"


@pytest.mark.parametrize("cpus", [1, 2])
def test_copies_of_copies_and_of_a_machine_that_was_booted(start: Start) -> None:
    with start(from_boot=True) as vm, ExitStack() as stack:
        newest = vm
        for level in range(3):
            newest.check(f"echo {level} >/tmp/level{level}")
            newest = stack.enter_context(newest.fork())
        assert newest.check("ls /tmp").split() == ["level0", "level1", "level2"]
        assert vm.check("ls /tmp") == "level0"


def test_copies_are_of_one_moment(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with start() as vm:
        copy, ran = Copier.copy, []

        def noting(copier: Copier, ends: Mapping[str, int]) -> Copied:
            ran.append(vm.monitor.execute("query-status")["running"])
            return copy(copier, ends)

        monkeypatch.setattr(Copier, "copy", noting)
        before = len(vm.monitor.events)
        with vm.forks(3) as twins:
            assert ran == [False] * 3
            # nor did it run between them
            vm.monitor.wait_event("RESUME", since=before)
            said = [each["event"] for each in vm.monitor.events[before:]]
            assert [name for name in said if name in ("STOP", "RESUME")] == ["STOP", "RESUME"]
            for machine in (vm, *twins):
                assert machine.monitor.execute("query-status")["running"]


def test_many_copies_and_none_is_left(start: Start) -> None:
    with start() as vm:
        vm.check("(n=0; while :; do n=$((n+1)); echo $n >/tmp/n; done) &")
        time.sleep(0.2)
        with vm.forks(5) as twins:
            assert len({twin.run_dir for twin in (vm, *twins)}) == 6
            assert [twin.check("echo well") for twin in twins] == ["well"] * 5
            pids = [twin.live.qemu_pid for twin in twins]
        assert [pid for pid in pids if is_running(pid)] == []
        with vm.fork() as twin:
            assert twin.check("echo well") == vm.check("echo well") == "well"


def test_copy_that_panics_is_judged_and_harms_no_other(run: tuple[testrun.TestRun, Start]) -> None:
    test, start = run
    with start() as vm:
        with vm.fork() as twin, pytest.raises(CrashError):
            twin.run("echo c >/proc/sysrq-trigger")
        assert vm.check("echo well") == "well"
    assert [report.run_dir.name for report in test.reports] == ["machine-2", "run"]
    verdict = test.judge()
    assert verdict.outcome == "crash"


def test_read_that_waits_is_answered_in_each_machine_by_its_own(start: Start) -> None:
    with start() as vm:
        vm.check("mkfifo /tmp/fifo")
        with vm.open("/tmp/fifo") as fifo:
            pending = fifo.begin_read(100)
            with vm.fork() as twin:
                theirs = pending.of(twin)
                twin.check("echo theirs >/tmp/fifo")
                assert theirs.result() == b"theirs\n"
            assert not pending.done
            vm.check("echo ours >/tmp/fifo")
            assert pending.result() == b"ours\n"


def test_transcript_of_a_copy_begins_with_what_was_done_before(start: Start) -> None:
    with start() as vm:
        vm.push(b"contents", "/tmp/pushed")
        with vm.fork() as twin:
            twin.check("cat /tmp/pushed")
            text = twin.files.transcript.read_text()
            assert text.index("rbctl put /tmp/pushed") < text.index('"cat /tmp/pushed"')
            assert any(path.read_bytes() == b"contents" for path in (twin.run_dir / "inputs").iterdir())


# the project builds one debug kernel
@pytest.mark.arches("x86_64")
def test_worked_example_walks_over_every_failing_allocation(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    docs = request.config.rootpath / "docs/writing-tests.md"
    (example,) = (
        code for code in re.findall(r"```python\n(.*?)```", docs.read_text(), re.DOTALL) if "fail-nth" in code
    )
    scene = tmp_path / "test_example.py"
    scene.write_text(f"import pytest\nfrom rustbed import Vm\n\n\n{example}")
    options = ("--profile", "default", "--forks", "hot")
    argv = pytest_argv(request.config, str(scene), arch, tmp_path / "results", *options)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    copies = re.search(r"(\d+) as copies", done.stdout)
    assert copies is not None
    assert int(copies[1]) > 10


def test_thread_of_a_device_that_waits_is_copied(start: Start) -> None:
    with start() as vm:
        vm.monitor.execute("object-add", qom_type="iothread", id="disks")
        with vm.fork() as twin:
            (thread,) = twin.monitor.execute("query-iothreads")
            assert thread["id"] == "disks"
            # QEMU waits for the thread to end
            twin.monitor.execute("object-del", id="disks")
            assert twin.monitor.execute("query-iothreads") == []
            assert twin.check("echo well") == "well"
