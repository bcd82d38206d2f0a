"""A look at a tree notices what a build would notice."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rustbed.kernel.treescan import TreeScan, find_changes, scan_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("Kconfig", "samples/rust/a.rs", "samples/rust/Kconfig", ".git/HEAD", "Documentation/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
        os.utime(path, ns=(1, 1))
    return tmp_path


def test_an_untouched_tree_looks_alike(tree: Path) -> None:
    assert scan_tree(tree).digest == scan_tree(tree).digest
    assert find_changes(scan_tree(tree), scan_tree(tree)) == ()


@pytest.mark.parametrize("name", [".git/HEAD", "Documentation/x"])
def test_what_no_build_reads_is_not_looked_at(tree: Path, name: str) -> None:
    before = scan_tree(tree)
    (tree / name).write_text("longer text")
    assert scan_tree(tree).digest == before.digest


def test_edits_additions_and_removals_are_seen(tree: Path) -> None:
    before = scan_tree(tree)
    (tree / "samples/rust/a.rs").write_text("ex t")
    (tree / "samples/rust/b.rs").write_text("")
    (tree / "Kconfig").unlink()
    after = scan_tree(tree)
    assert after.digest != before.digest
    assert find_changes(before, after) == ("Kconfig", "samples/rust/a.rs", "samples/rust/b.rs")


def test_contents_are_looked_at_and_not_times(tree: Path) -> None:
    before = scan_tree(tree)
    file = tree / "samples/rust/a.rs"
    file.touch()
    assert scan_tree(tree, before).digest == before.digest
    file.write_text("TEXT")
    os.utime(file, ns=(1, 1))
    after = scan_tree(tree, before)
    assert find_changes(before, after) == ("samples/rust/a.rs",)
    file.write_text("text")
    assert scan_tree(tree, after).digest == before.digest


def test_an_earlier_look_saves_reading(tree: Path) -> None:
    """Shown by an earlier look that is wrong: it is believed of files whose facts are the same."""
    time.sleep(0.15)
    before = scan_tree(tree)
    wrong = TreeScan(lines=tuple(line.replace("\t", "\tx", 1) for line in before.lines))
    assert scan_tree(tree, wrong).lines == wrong.lines


def test_options_are_looked_at_apart(tree: Path) -> None:
    before = scan_tree(tree)
    (tree / "samples/rust/a.rs").write_text("longer text")
    assert scan_tree(tree).kconfig_digest == before.kconfig_digest
    (tree / "samples/rust/Kconfig").write_text("longer text")
    assert scan_tree(tree).kconfig_digest != before.kconfig_digest


def test_a_link_that_leads_nowhere_is_a_file(tree: Path) -> None:
    (tree / "link").symlink_to("gone")
    (tree / "loop").symlink_to(".")
    assert any(line.startswith("link\t") for line in scan_tree(tree).lines)
