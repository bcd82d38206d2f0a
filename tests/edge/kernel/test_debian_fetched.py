"""Debian's sources through apt: looked up once, fetched whole, named when gone."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.edge.kernel.conftest import make_tree

from rustbed.cache import Cache
from rustbed.errors import HostError, UsageError
from rustbed.kernel.source import parse_source, resolve_source
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")

LATEST = parse_source("debian:latest")


@pytest.fixture
def deb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A linux-source package with a small tree in it."""
    make_tree(tmp_path / "in/linux-source-7.3")
    package = tmp_path / "package"
    (package / "usr/src").mkdir(parents=True)
    with tarfile.open(package / "usr/src/linux-source-7.3.tar.xz", "w:xz") as tar:
        tar.add(tmp_path / "in/linux-source-7.3", "linux-source-7.3")
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN/control").write_text(
        "Package: linux-source-7.3\nVersion: 7.3.4-1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    path = tmp_path / "linux-source.deb"
    subprocess.run(["dpkg-deb", "--build", str(package), str(path)], check=True, capture_output=True)
    monkeypatch.setenv("FAKE_DEB", str(path))
    return path


def sources(cache: Cache) -> list[str]:
    directory = cache.root / "sources"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def test_the_latest_kernel_is_looked_up_once(
    calls: Path, deb: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore)
    assert source.identity == "linux-source-7.3-7.3.4-1"
    assert (source.directory / "samples/rust_minimal.rs").is_file()
    assert sorted(path.name for path in source.directory.parent.iterdir()) == ["linux", "manifest.json"]
    calls.write_text("")
    monkeypatch.setenv("FAKE_APT", "unreachable")
    assert resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore) == source
    assert calls.read_text() == ""


def test_a_newer_kernel_is_found_when_asked_for(
    calls: Path, deb: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore)
    monkeypatch.setenv("FAKE_VERSION", "7.3.5-1")
    assert resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore).identity.endswith(
        "7.3.4-1"
    )
    newer = resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore, refresh=True)
    assert newer.identity.endswith("7.3.5-1")
    assert resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore) == newer


def test_a_mirror_that_cannot_be_reached_is_called_that(
    calls: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APT", "unreachable")
    with pytest.raises(HostError, match="the Debian mirror cannot be reached") as caught:
        resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore)
    assert "RUSTBED_MIRROR" in str(caught.value.facts["fix"])


def test_a_fetch_that_breaks_leaves_nothing_behind(
    calls: Path, deb: Path, cache: Cache, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APT", "breaks")
    with pytest.raises(HostError, match="broke off or was damaged"):
        resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore)
    assert sources(cache) == []
    monkeypatch.delenv("FAKE_APT")
    resolve_source(LATEST, toolchain=toolchain, cache=cache, report=ignore)
    assert sources(cache) == ["linux-source-7.3-7.3.4-1"]


def test_a_source_that_is_gone_is_answered_with_what_there_is(
    calls: Path, cache: Cache, toolchain: Toolchain
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_source(parse_source("debian:6.1"), toolchain=toolchain, cache=cache, report=ignore)
    assert caught.value.facts["available"] == "7.3.4"
