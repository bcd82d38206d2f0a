"""Where people keep their drivers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import UsageError, Vm

ROOT = Path(__file__).parent.parent


def test_symbols_and_sources_of_other_directories(vm: Vm, build_module: Callable[[Path], Path]) -> None:
    """The reader alone: the counter is built for its symbols, and loaded before."""
    with vm.module(build_module(ROOT / "drivers/reader"), times=8):
        assert "reader: read nothing" in vm.log
        assert [record.text for record in vm.log.matching("counter: ready")] == ["counter: ready"]


def test_kbuild_file_at_the_root(build_modules: Callable[[Path], dict[str, Path]]) -> None:
    made = build_modules(ROOT)
    assert sorted(made) == ["counter", "reader"]
    copied = {
        str(path.relative_to(copy)) for copy in [made["counter"].parents[2]] for path in copy.rglob("*")
    }
    assert {"Kbuild", "harness/numbers.py", "drivers/common/words.rs"} <= copied
    assert not [path for path in copied if path.startswith(("results", "env")) or "test_" in path]


def test_a_dependency_that_is_nowhere_is_named(
    vm: Vm, build_modules: Callable[[Path], dict[str, Path]], tmp_path: Path
) -> None:
    alone = tmp_path / "reader.ko"
    alone.write_bytes(build_modules(ROOT / "drivers")["reader"].read_bytes())
    with pytest.raises(UsageError, match=r"reader\.ko needs the module counter, which is not loaded"):
        vm.insmod(alone)


def test_a_directory_that_is_not_there(build_module: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match=r"there is no directory .*nosuch"):
        build_module("nosuch")


def test_an_older_source_that_is_put_back_is_what_runs(
    vm: Vm, build_module: Callable[[Path], Path], tmp_path: Path
) -> None:
    driver = tmp_path / "driver"
    shutil.copytree(ROOT / "drivers", driver)
    words = driver / "common/words.rs"
    kept = words.with_suffix(".kept")
    shutil.copy2(words, kept)
    words.write_text(words.read_text().replace('"nothing"', '"nought!"'))
    edited = build_module(driver / "reader").read_bytes()
    shutil.copy2(kept, words)
    again = build_module(driver / "reader")
    assert b"nought!" in edited
    assert b"nought!" not in again.read_bytes()
    with vm.module(again, times=8):
        assert "reader: read nothing" in vm.log
