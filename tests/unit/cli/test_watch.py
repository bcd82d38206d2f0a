"""What is run after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.cli.watch import choose_words, is_source


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("test_a.py", "b_test.py", "conftest.py", "toy.rs"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "chosen"),
    [
        (["test_a.py"], ["test_a.py"]),
        (["test_a.py", "b_test.py"], ["test_a.py", "b_test.py"]),
        (["toy.rs"], []),
        (["test_a.py", "toy.rs"], []),
        (["conftest.py"], []),
        # removed: there is nothing to run in it
        (["test_gone.py"], []),
    ],
)
def test_tests_that_changed_are_run_alone_and_a_source_concerns_all(
    project: Path, changed: list[str], chosen: list[str]
) -> None:
    words = choose_words(["-k", "x86_64"], [project / name for name in changed])
    assert words == ["-k", "x86_64", *(str(project / name) for name in chosen)]


def test_tests_that_the_user_names_stay(project: Path) -> None:
    words = [f"{project}/b_test.py::test_it"]
    assert choose_words(words, [project / "test_a.py"]) == words


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
