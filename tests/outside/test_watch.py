"""`rustbed watch` on somebody else's drivers: what is saved decides which tests run."""

from __future__ import annotations

import pexpect
import pytest

from tests.outside.installed import Project

pytest.importorskip("watchfiles")

TESTS = """\
def test_builds(build_module):
    build_module("drivers/alone")


def test_also(build_module):
    build_module("drivers/alone")


def test_builds_nothing(kernel):
    assert kernel.release
"""


def test_a_saved_driver_runs_the_tests_that_had_it_built(project: Project) -> None:
    alone = project.directory / "drivers" / "alone"
    alone.mkdir()
    (alone / "Kbuild").write_text("obj-m := alone.o\n")
    (alone / "alone.c").write_text('#include <linux/module.h>\nMODULE_LICENSE("GPL");\n')
    (project.directory / "test_alone.py").write_text(TESTS)
    terminal = pexpect.spawn(
        project.installed.program("rustbed"),
        ["watch", "-q", "test_alone.py", *project.installed.options],
        cwd=str(project.directory),
        env={**project.env(NO_COLOR="1"), "PYTHONPATH": str(project.installed.plugins)},
        timeout=900,
        encoding="utf-8",
    )
    terminal.expect_exact("3 passed")
    terminal.expect_exact("waiting for a change")
    (alone / "alone.c").write_text("#error not today\n")
    terminal.expect_exact("alone does not build")
    terminal.expect_exact("1 deselected, 2 errors")
    terminal.expect_exact("waiting for a change")
    (alone / "alone.c").write_text('#include <linux/module.h>\nMODULE_LICENSE("GPL v2");\n')
    terminal.expect_exact("2 passed, 1 deselected")
    terminal.expect_exact("waiting for a change")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
