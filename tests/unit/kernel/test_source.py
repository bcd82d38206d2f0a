"""What may be written for a kernel source, and which trees are refused."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.errors import HostError, UsageError
from rustbed.kernel.source import (
    SourceKind,
    parse_makefile_version,
    parse_source,
    require_version,
    resolve_source,
)
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain

HOST = Toolchain(root=None, versions=(), identity="host")
MAKEFILE = (
    "# SPDX-License-Identifier: GPL-2.0\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nNAME = Baby Opossum\n"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "linux"
    (root / "rust").mkdir(parents=True)
    (root / "scripts").mkdir()
    (root / "Makefile").write_text(MAKEFILE)
    (root / "Kconfig").write_text('mainmenu "Linux"\n')
    (root / "rust/Makefile").write_text("")
    (root / "scripts/min-tool-version.sh").write_text("")
    return root


@pytest.mark.parametrize(
    ("text", "kind", "where"),
    [
        ("debian:latest", SourceKind.DEBIAN, "latest"),
        ("debian:7.2", SourceKind.DEBIAN, "7.2"),
        ("debian:7.2.9", SourceKind.DEBIAN, "7.2.9"),
        ("tree:/home/me/linux", SourceKind.TREE, "/home/me/linux"),
        ("tarball:https://x/linux-7.3.tar.xz", SourceKind.TARBALL, "https://x/linux-7.3.tar.xz"),
        ("built:../out", SourceKind.BUILT, "../out"),
        ("debian-image:7.3.4/rt-amd64", SourceKind.DEBIAN_IMAGE, "7.3.4/rt-amd64"),
    ],
)
def test_each_form_is_understood(text: str, kind: SourceKind, where: str) -> None:
    spec = parse_source(text)
    assert (spec.kind, spec.where, str(spec)) == (kind, where, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "debian:",
        "debian:newest",
        "debian:7",
        "ubuntu:latest",
        "git:x",
        "/home/me/linux",
    ],
)
def test_other_forms_are_refused_with_the_choices(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert "debian:latest" in str(caught.value.facts["choices"])


@pytest.mark.parametrize("where", ["7", "7.3.4+deb13", "newest", "latest/", "7.3/a/b"])
def test_debians_images_have_a_version_and_may_have_a_flavour(where: str) -> None:
    with pytest.raises(UsageError, match="unknown kernel source") as caught:
        parse_source(f"debian-image:{where}")
    assert "debian-image:7.3.4/rt-amd64" in str(caught.value.facts["choices"])


def test_an_address_without_tls_is_refused() -> None:
    with pytest.raises(UsageError, match="only https"):
        parse_source("tarball:http://x/linux.tar.xz")


def test_the_version_is_the_makefiles() -> None:
    assert parse_makefile_version(MAKEFILE) == (7, 3)
    assert parse_makefile_version("all:\n\techo VERSION = 7\n") is None


def test_a_tree_is_used_in_place(tree: Path, tmp_path: Path) -> None:
    spec = parse_source(f"tree:{tree}")
    source = resolve_source(spec, toolchain=HOST, cache=Cache(tmp_path / "cache"), report=ignore)
    assert (source.directory, source.version, source.editable) == (tree, (7, 3), True)


def test_a_tree_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        resolve_source(
            parse_source(f"tree:{tmp_path}/gone"), toolchain=HOST, cache=Cache(tmp_path), report=ignore
        )


def test_a_directory_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a kernel source tree"):
        require_version(tmp_path)


def test_a_kernel_without_rust_is_refused(tree: Path) -> None:
    (tree / "rust/Makefile").unlink()
    with pytest.raises(UsageError, match=r"Linux 7\.3 has no Rust"):
        require_version(tree)


@pytest.mark.parametrize("sign", [".config", "include/config/auto.conf", "arch/x86/include/generated/x.h"])
def test_a_tree_that_was_built_in_place_is_refused(tree: Path, tmp_path: Path, sign: str) -> None:
    (tree / sign).parent.mkdir(parents=True, exist_ok=True)
    (tree / sign).write_text("")
    with pytest.raises(UsageError) as caught:
        resolve_source(parse_source(f"tree:{tree}"), toolchain=HOST, cache=Cache(tmp_path), report=ignore)
    assert "mrproper" in str(caught.value.facts["fix"])


def test_a_tarball_is_unpacked_once(tree: Path, tmp_path: Path) -> None:
    archive = tmp_path / "linux-7.3.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tree, "linux-7.3")
    cache = Cache(tmp_path / "cache")
    spec = parse_source(f"tarball:{archive}")
    first = resolve_source(spec, toolchain=HOST, cache=cache, report=ignore)
    assert (first.directory / "Makefile").read_text() == MAKEFILE
    assert first.version == (7, 3)
    assert not first.editable
    made = first.directory.stat().st_mtime_ns
    assert resolve_source(spec, toolchain=HOST, cache=cache, report=ignore) == first
    assert first.directory.stat().st_mtime_ns == made


def test_a_tarball_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = tmp_path / "linux.tar.xz"
    archive.write_bytes(b"<html>not found</html>")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(HostError) as caught:
        resolve_source(parse_source(f"tarball:{archive}"), toolchain=HOST, cache=cache, report=ignore)
    assert Path(str(caught.value.facts["log"])).is_file()
    assert list((tmp_path / "cache/sources").iterdir()) == []


def test_a_tarball_of_something_else_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/README").write_text("")
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "x", "x")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(UsageError, match="not a kernel source tree"):
        resolve_source(parse_source(f"tarball:{archive}"), toolchain=HOST, cache=cache, report=ignore)
    assert list((tmp_path / "cache/sources").iterdir()) == []


def test_a_tarball_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no readable file"):
        resolve_source(
            parse_source(f"tarball:{tmp_path}/gone.tar"),
            toolchain=HOST,
            cache=Cache(tmp_path),
            report=ignore,
        )
