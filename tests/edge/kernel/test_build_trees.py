"""Build trees are kept, shared and made again, by a make that only pretends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.edge.kernel.made import Builder

from rustbed.cache import Cache, remove_tree
from rustbed.kernel.build import has_tree


def test_other_options_start_from_what_is_built(build: Builder, cache: Cache, tmp_path: Path) -> None:
    first = build()
    (tmp_path / "mine.config").write_text("CONFIG_MINE=y\n")
    second = build(extra=[tmp_path / "mine.config"])
    assert second.config is not None
    assert "CONFIG_MINE=y" in second.config.read_text()
    assert second.build_dir != first.build_dir
    assert second.build_dir is not None
    made = (second.build_dir / "calls").read_text().split()
    assert made.count("samples/rust_minimal.ko") == 1
    assert made.count("allnoconfig") == 2
    assert build() == first


def test_only_the_newest_build_trees_of_a_family_are_kept(
    build: Builder, cache: Cache, tmp_path: Path
) -> None:
    kernels = []
    for number in range(4):
        fragment = tmp_path / "mine.config"
        fragment.write_text(f"CONFIG_MINE={number}\n")
        kernels.append(build(extra=[fragment]))
    kept = sorted((cache.root / "builds").iterdir())
    assert kept == sorted(kernel.build_dir for kernel in kernels[1:] if kernel.build_dir)
    assert kernels[0].image.is_file()


def test_a_build_tree_that_is_gone_is_made_again_when_wanted(build: Builder, cache: Cache) -> None:
    kernel = build()
    assert kernel.build_dir is not None
    assert has_tree(kernel)
    remove_tree(kernel.build_dir)
    assert build().build_dir is None
    assert not has_tree(build())
    # as an interrupted build leaves it
    kernel.build_dir.mkdir()
    assert not has_tree(build())
    assert build(with_tree=True) == kernel
    assert kernel.build_dir.is_dir()


def test_a_build_tree_in_use_is_kept(build: Builder, cache: Cache, tmp_path: Path) -> None:
    plain = build()
    for number in range(4):
        fragment = tmp_path / "mine.config"
        fragment.write_text(f"CONFIG_MINE={number}\n")
        build(extra=[fragment])
        assert build() == plain


def test_a_build_tree_that_cannot_be_copied_is_no_loss(
    build: Builder, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cp").write_text("#!/bin/sh\nmkdir $4\nexit 1\n")
    (tmp_path / "bin/cp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "mine.config").write_text("CONFIG_MINE=y\n")
    second = build(extra=[tmp_path / "mine.config"])
    assert sorted(second.modules) == ["rust_minimal", "rust_print"]
    assert not any(path.name.startswith(".") for path in (cache.root / "builds").iterdir())
