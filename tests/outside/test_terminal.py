"""Progress is drawn anew on a terminal; pytest's lines stay whole, there and in a log; Ctrl-C ends all."""

from __future__ import annotations

import pexpect
import pytest

from tests.outside.installed import Project, programs_that_name

KBUILD = "obj-m := {name}.o\n"
SOURCE = '#include <linux/module.h>\nMODULE_DESCRIPTION("{name}");\nMODULE_LICENSE("GPL");\n'
TESTS = """\
def test_builds(build_module):
    build_module("drivers/alone")


def test_does_not(build_module):
    build_module("drivers/broken")


def test_is_quick(kernel):
    assert kernel.release
"""
NAME = "test_building.py::test_{0}[x86_64]"


@pytest.fixture
def building(project: Project) -> Project:
    """A project with two drivers that were never built, of which one has an error."""
    for name, more in (("alone", ""), ("broken", "#error not today\n")):
        driver = project.directory / "drivers" / name
        driver.mkdir()
        (driver / "Kbuild").write_text(KBUILD.format(name=name))
        # no other run of this test has built it
        (driver / f"{name}.c").write_text(f"{SOURCE.format(name=name)}// {project.directory}\n{more}")
    (project.directory / "test_building.py").write_text(TESTS)
    return project


@pytest.fixture
def terminal(building: Project) -> pexpect.spawn[str]:
    """Return a session that builds them."""
    project = building
    return pexpect.spawn(
        project.installed.program("pytest"),
        ["-v", "--color=no", "test_building.py", *project.installed.options],
        cwd=str(project.directory),
        env=project.env(TERM="xterm"),
        dimensions=(30, 100),
        timeout=900,
        encoding="utf-8",
    )


def test_progress_is_drawn_anew_and_pytests_lines_are_whole(terminal: pexpect.spawn[str]) -> None:
    terminal.expect(pexpect.EOF)
    said = terminal.before
    terminal.close()
    assert terminal.exitstatus == 1, said
    # each step in the place of the one before, and the last one stays
    for driver in ("alone", "broken"):
        assert f"\r\x1b[Kmodules in {driver} x86_64\r\n" in said
        assert said.count(f"\r\x1b[Kmodules in {driver} ") > 1
    assert "\nrustbed: modules in" not in said
    lines = said.split("\r\n")
    for name, word in (("builds", "PASSED"), ("does_not", "ERROR"), ("is_quick", "PASSED")):
        assert sum(line.startswith(f"{NAME.format(name)} {word} ") for line in lines) == 1
    assert [line for line in lines if line.startswith(f"ERROR {NAME.format('does_not')} - broken does not")]


def test_in_a_log_each_letter_stands_behind_its_file(building: Project) -> None:
    lines = building.pytest("test_building.py").stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("test_building.py ")] == [
        ["test_building.py"],
        ["test_building.py", "."],
        ["test_building.py", "E."],
    ], lines
    assert [line for line in lines if line in (".", "E")] == []


@pytest.mark.parametrize("words", [("-q",), ("-n", "2"), ("-v",)], ids=" ".join)
def test_in_a_log_progress_has_lines_of_its_own(building: Project, words: tuple[str, ...]) -> None:
    lines = building.pytest("test_building.py", *words).stdout.splitlines()
    told = [line for line in lines if "modules in " in line]
    assert len(told) >= 2
    assert [line for line in told if not line.startswith("rustbed: modules in ")] == [], lines


def test_ctrl_c_while_a_driver_is_built(project: Project, terminal: pexpect.spawn[str]) -> None:
    terminal.expect_exact("modules in alone")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    said = terminal.before
    terminal.close()
    assert terminal.exitstatus == pytest.ExitCode.INTERRUPTED, said
    assert "KeyboardInterrupt" in said
    assert "INTERNALERROR" not in said
    cases = project.cases()
    assert {name: case.outcome for name, case in cases.items()} == {
        "test_builds": "lost",
        "rustbed session": "lost",
    }
    assert programs_that_name(project.directory) == []
