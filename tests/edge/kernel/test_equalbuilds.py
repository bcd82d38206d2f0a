"""Modules that another directory's build of the same files has left in the cache."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.kernel.buildstate import BuildState
from rustbed.kernel.equalbuilds import KIND, keep_build, take_build

STATE = BuildState(
    digest="d1",
    root="/home/first",
    files={"driver/a.rs": "1"},
    modules={"a": "driver/a.ko"},
    beside={"b": "lib/b.ko"},
    session="s",
)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    tree = tmp_path / "built"
    for name in ("driver/a.ko", "lib/b.ko", "driver/a.o"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    return tree


def test_modules_of_an_equal_build_are_copied_and_belong_to_the_other_directory(
    cache: Cache, built: Path, tmp_path: Path
) -> None:
    keep_build(cache, STATE, built)
    taken = take_build(cache, "d1", Path("/home/second"), tmp_path / "tree")
    assert taken == replace(STATE, root="/home/second", session="")
    copied = {str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").rglob("*.*")}
    assert copied == {"driver/a.ko", "lib/b.ko"}


def test_module_that_is_taken_is_newer_than_all_that_was_there(
    cache: Cache, built: Path, tmp_path: Path
) -> None:
    keep_build(cache, STATE, built)
    older = tmp_path / "tree/driver/a.ko"
    older.parent.mkdir(parents=True)
    older.write_text("of an edit that was taken back")
    os.utime(older, (0, 0))
    linked = older.with_name("linked")
    linked.hardlink_to(older)
    take_build(cache, "d1", Path("/home/second"), tmp_path / "tree")
    assert older.read_text() == "driver/a.ko"
    assert older.stat().st_mtime > linked.stat().st_mtime
    assert linked.read_text() == "of an edit that was taken back"


@pytest.mark.parametrize("why", [{"failure": "no main"}, {"warnings": "/home/first/a.rs: unused"}])
def test_build_that_says_something_of_its_own_directory_is_not_kept(
    cache: Cache, built: Path, tmp_path: Path, why: dict[str, str]
) -> None:
    keep_build(cache, replace(STATE, **why), built)  # type: ignore[arg-type]
    assert take_build(cache, "d1", Path("/home/second"), tmp_path / "tree") is None


def test_damaged_or_unknown_build_is_not_taken(cache: Cache, built: Path, tmp_path: Path) -> None:
    keep_build(cache, STATE, built)
    assert take_build(cache, "d2", Path("/home/second"), tmp_path / "tree") is None
    (cache.path(KIND, "d1") / "lib/b.ko").write_text("lib/?.ko")
    assert take_build(cache, "d1", Path("/home/second"), tmp_path / "tree") is None
