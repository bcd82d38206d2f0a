"""Results that cannot be kept, in somebody else's project."""

from __future__ import annotations

from tests.outside.installed import Project

FORGETS = """
import shutil

def test_takes_its_results_away(vm):
    shutil.rmtree(vm.run_dir)

def test_goes_on(vm):
    assert vm.check("echo on") == "on"
"""


def test_a_verdict_that_cannot_be_written_is_an_error_of_its_test_and_the_session_goes_on(
    project: Project,
) -> None:
    """As on a disk that is full at the end of a test."""
    (project.directory / "tests" / "test_forgets.py").write_text(FORGETS)
    done = project.pytest("tests/test_forgets.py")
    assert (done.returncode, project.colours()) == (
        1,
        {"test_takes_its_results_away": "red", "test_goes_on": "green"},
    ), done.stdout
    case = project.cases()["test_takes_its_results_away"]
    assert case.outcome == "error"
    assert case.message.startswith("cannot write results to ")
    assert "site-packages" not in done.stdout
