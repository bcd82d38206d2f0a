"""rbctl's list of paths, compiled for this host and run on its kernel.

Skipped until the cache has a toolroot and kernel sources: `./rustbed build` puts them there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.image.conftest import call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/c", "a/left out", "z"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    for name in ("a/file", "a/b/c/deep", "a/left out/file"):
        (tmp_path / "tree" / name).touch()
    # a link to a directory is a path, not a directory
    (tmp_path / "tree/z/loop").symlink_to("..")
    # more than one batch of entries, and more than one of output
    for number in range(300):
        (tmp_path / "tree/z" / f"{number:0>150}").touch()
    return tmp_path / "tree"


def listed(rbctl: Path, depth: int, *paths: Path) -> list[str]:
    done = call(rbctl, "list", str(depth), *map(str, paths))
    assert (done.returncode, done.stderr) == (0, b"")
    return sorted(done.stdout.decode().splitlines())


def test_every_path_below_a_directory_is_listed(rbctl: Path, tree: Path) -> None:
    assert listed(rbctl, 64, tree) == sorted(map(str, [tree, *tree.rglob("*")]))


def test_paths_that_are_left_out_have_nothing_below_them(rbctl: Path, tree: Path) -> None:
    every = listed(rbctl, 64, tree)
    assert listed(rbctl, 64, tree, tree / "a/left out", tree / "z") == [
        path for path in every if "left out" not in path and not path.startswith(f"{tree}/z")
    ]


def test_depth_counts_from_the_directory(rbctl: Path, tree: Path) -> None:
    assert listed(rbctl, 1, tree) == sorted(map(str, [tree, *tree.glob("*")]))
    assert f"{tree}/a/b/c" in listed(rbctl, 3, tree)
    assert f"{tree}/a/b/c/deep" not in listed(rbctl, 3, tree)


def test_other_file_systems_are_not_entered(rbctl: Path) -> None:
    if not Path("/proc/self/stat").exists() or Path("/").stat().st_dev == Path("/proc").stat().st_dev:
        pytest.skip("no file system is mounted at /proc")
    found = listed(rbctl, 2, Path("/"))
    assert "//proc" in found
    assert not [path for path in found if path.startswith("//proc/")]


def test_directory_that_is_missing_is_an_error(rbctl: Path, tree: Path) -> None:
    done = call(rbctl, "list", "1", str(tree / "none"))
    assert (done.returncode, done.stdout) == (1, f"{tree}/none\nerrno 2\n".encode())


@pytest.mark.parametrize("depth", ["0", "-1", "65", "x"])
def test_depth_that_makes_no_sense_is_refused(rbctl: Path, depth: str) -> None:
    done = call(rbctl, "list", depth, "/")
    assert (done.returncode, done.stdout) == (2, b"")
