"""Which root has the QEMU of an architecture."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.toolroot.emulator import find_qemu_root, known_version
from rustbed.toolroot.toolchain import Toolchain

ROW = ARCHES["s390x"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return Cache(tmp_path / "cache")


def with_qemu(root: Path) -> Path:
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/qemu-system-s390x").touch()
    return root


def fetched(cache: Cache) -> Path:
    key = "qemu-system-s390x-trixie-backports-amd64-whole"
    cache.publish("packages", key, lambda directory: {"root": str(with_qemu(directory / "root"))})
    return cache.path("packages", key) / "root"


def test_the_toolroots_comes_first(cache: Cache, tmp_path: Path) -> None:
    fetched(cache)
    toolroot = with_qemu(tmp_path / "toolroot")
    assert find_qemu_root(ROW, toolroot, cache) == toolroot


@pytest.mark.parametrize("there", [True, False])
def test_one_that_was_fetched_is_found_with_and_without_a_toolroot(
    cache: Cache, tmp_path: Path, there: bool
) -> None:
    toolroot = tmp_path / "toolroot" if there else None
    assert find_qemu_root(ROW, toolroot, cache) is None
    root = fetched(cache)
    assert find_qemu_root(ROW, toolroot, cache) == root


def test_only_the_toolroots_own_qemu_need_not_be_asked_for_its_version(tmp_path: Path) -> None:
    toolchain = Toolchain(root=tmp_path / "root", versions=(("qemu", "11.1.3"),), identity="x")
    assert known_version(tmp_path / "root", toolchain) == (11, 1, 3)
    assert known_version(tmp_path / "package", toolchain) is None
