"""What a farm gets of a project."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from rustbed.farm.project import copy_project, move_word


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "tests/test_a.py").write_text("def test_a(): pass\n")
    (root / "build").mkdir()
    (root / "build/large").write_text("made of sources\n")
    (root / "link").symlink_to("tests")
    (root / ".gitignore").write_text("build\n")
    return root


def files(copy: Path) -> list[str]:
    found = (path for path in copy.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(str(path.relative_to(copy)) for path in found)


def test_without_git_all_is_taken_but_what_tools_left(project: Path, tmp_path: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv/python").touch()
    (project / "my-tools").mkdir()
    (project / "my-tools/pyvenv.cfg").touch()
    session = project / "results/20260101T000000Z-1"
    session.mkdir(parents=True)
    (session / "junit.xml").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(project / "socket"))
        copy = copy_project(project, tmp_path / "place")
    assert files(copy) == [".gitignore", "build/large", "link", "tests/test_a.py"]
    assert (copy / "link").is_symlink()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_of_a_repository_what_git_does_not_ignore_is_taken(project: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run(["git", "-C", str(project), "add", "tests"], check=True)
    (project / "tests/test_gone.py").touch()
    subprocess.run(["git", "-C", str(project), "add", "tests"], check=True)
    (project / "tests/test_gone.py").unlink()
    copy = copy_project(project, tmp_path / "place")
    assert files(copy) == [".gitignore", "link", "tests/test_a.py"]


def test_a_copy_is_named_by_what_is_in_it(project: Path, tmp_path: Path) -> None:
    first, second = (copy_project(project, tmp_path / name).name for name in ("a", "b"))
    (project / "tests/test_a.py").chmod(0o755)
    third = copy_project(project, tmp_path / "c").name
    assert (first == second, first == third) == (True, False)


@pytest.mark.parametrize(
    ("word", "moved"),
    [
        ("/src/p/tests", "/copy/tests"),
        ("/src/p/a.py::test_a[x=y]", "/copy/a.py::test_a[x=y]"),
        ("/src/p", "/copy"),
        ("--rootdir=/src/p", "--rootdir=/copy"),
        ("/src/project/tests", "/src/project/tests"),
        ("tests/a.py", "tests/a.py"),
        ("-k", "-k"),
    ],
)
def test_arguments_name_the_copy(word: str, moved: str) -> None:
    assert move_word(word, Path("/src/p"), Path("/copy")) == moved
