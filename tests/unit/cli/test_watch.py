"""What is run after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.cli.watch import Orders, Uses, choose_run, is_source


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("test_a.py", "b_test.py", "conftest.py", "toy.rs"):
        (tmp_path / name).touch()
    return tmp_path


WORDS = ["-k", "x86_64"]


@pytest.mark.parametrize("changed", [["test_a.py"], ["test_a.py", "b_test.py"]])
def test_files_of_tests_are_run_alone(project: Path, changed: list[str]) -> None:
    paths = [project / name for name in changed]
    assert choose_run(WORDS, paths, {}) == Orders(arguments=[*WORDS, *map(str, paths)])


@pytest.fixture
def uses(project: Path) -> Uses:
    """What was told of four tests: two have the driver built, one another driver, one nothing."""
    driver, other = project / "driver", project / "other"
    for directory in (driver, other):
        directory.mkdir()
        (directory / "Kbuild").write_text("obj-m := toy.o")
    (project / "common.rs").touch()
    (driver / "toy.rs").write_text('#[path = "../common.rs"] mod common;')
    return {
        "test_a.py::one": (project / "test_a.py", driver),
        "test_a.py::two": (project / "test_a.py", other, driver),
        "test_a.py::three": (project / "test_a.py", other),
        "b_test.py::four": (project / "b_test.py",),
    }


@pytest.mark.parametrize(
    ("changed", "without"),
    [
        (["driver/toy.rs"], ["b_test.py::four", "test_a.py::three"]),
        (["driver/removed.rs"], ["b_test.py::four", "test_a.py::three"]),
        # named by the driver's source, outside of its directory
        (["common.rs"], ["b_test.py::four", "test_a.py::three"]),
        (["other/Kbuild"], ["b_test.py::four", "test_a.py::one"]),
        (["driver/toy.rs", "other/Kbuild"], ["b_test.py::four"]),
        (["driver/toy.rs", "b_test.py"], ["test_a.py::three"]),
        # what is unknown may concern every test
        (["conftest.py"], []),
        (["elsewhere/toy.rs"], []),
        (["driver/toy.rs", "conftest.py"], []),
        (["driver/board.dts"], []),
        # removed: there is nothing to run in it
        (["test_gone.py"], []),
    ],
)
def test_a_source_concerns_the_tests_that_had_it_built(
    project: Path, uses: Uses, changed: list[str], without: list[str]
) -> None:
    paths = [project / name for name in changed]
    assert choose_run(WORDS, paths, uses) == Orders(arguments=WORDS, without=tuple(without))


def test_a_source_of_which_nothing_was_told_concerns_all(project: Path) -> None:
    assert choose_run(WORDS, [project / "toy.rs"], {}) == Orders(arguments=WORDS)


def test_tests_that_the_user_names_stay(project: Path, uses: Uses) -> None:
    words = [f"{project}/b_test.py::test_it"]
    orders = choose_run(words, [project / "test_a.py"], uses)
    assert orders == Orders(arguments=words, without=("b_test.py::four",))


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("driver/toy.rs", True),
        ("driver/Kbuild", True),
        ("tests/test_toy.py", True),
        ("tests/board.dts", True),
        ("notes.txt", False),
        ("results/latest/source/test_toy.py", False),
        (".venv/lib/site.py", False),
        ("driver/toy.o", False),
    ],
)
def test_only_sources_count(tmp_path: Path, path: str, counts: bool) -> None:
    assert is_source(tmp_path / path, tmp_path) == counts
