"""^C at moments that are no test's: one clear end, what had run is kept, and nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from tests.outside.installed import Project, programs_that_name
from tests.processes import children, is_running, wait_until

FIRST = """\
def test_first(vm):
    vm.check("true")


"""
COLLECTION = """\
import os, pathlib, time

pathlib.Path(os.environ["READY"]).touch()
time.sleep(120)
"""
# a machine that nobody else has: it has to be booted
BOOT = """\
import os, pytest


@pytest.mark.machine(cmdline=[f"rustbed.nobody={os.getpid()}"])
def test_second(vm):
    vm.check("true")
"""
TEARDOWN = """\
import os, pathlib, pytest


@pytest.fixture
def slow(vm):
    yield vm
    pathlib.Path(os.environ["READY"]).touch()
    vm.run("sleep 120", timeout_s=120)


def test_second(slow):
    slow.check("true")
"""
MOMENTS = {"collection": COLLECTION, "boot": BOOT, "teardown": TEARDOWN}
LEFT = {
    # nothing has run
    "collection": {},
    "boot": {"test_first": "pass", "test_second": "lost", "rustbed session": "lost"},
    "teardown": {"test_first": "pass", "test_second": "pass", "rustbed session": "lost"},
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_is_one_clear_end_and_nothing_stays_behind(
    project: Project, tmp_path: Path, moment: str
) -> None:
    (project.directory / "test_a.py").write_text(FIRST)
    (project.directory / "test_b.py").write_text(MOMENTS[moment])
    ready, scratch = tmp_path / "ready", tmp_path / "scratch"
    scratch.mkdir()
    terminal = pexpect.spawn(
        project.installed.program("pytest"),
        ["-v", "--color=no", "test_a.py", "test_b.py", *project.installed.options],
        cwd=str(project.directory),
        env=project.env(TERM="xterm", READY=str(ready), TMPDIR=str(scratch)),
        dimensions=(30, 100),
        timeout=900,
        encoding="utf-8",
    )
    if moment == "boot":
        terminal.expect_exact("test_second")
        terminal.expect_exact("booting")
    else:
        wait_until(ready.exists, f"the {moment} is under way", 120)
    started = children(terminal.pid)
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    said = terminal.before or ""
    terminal.close()

    assert terminal.exitstatus == pytest.ExitCode.INTERRUPTED, said
    assert said.count("! KeyboardInterrupt !") == 1
    assert [word for word in ("Traceback", "INTERNALERROR", "^C^C") if word in said] == []
    wait_until(lambda: not any(map(is_running, started)), "none of its programs runs")
    assert programs_that_name(project.directory) == []
    assert list(scratch.iterdir()) == []
    kept = {name: case.outcome for name, case in project.cases().items()} if LEFT[moment] else {}
    assert kept == LEFT[moment]
    assert LEFT[moment] or not project.results.exists()
