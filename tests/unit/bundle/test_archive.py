"""Bundles written and unpacked, and archives that are none."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import tarfile
from pathlib import Path

import pytest
from tests.unit.bundle.test_manifest import manifest

from rustbed.bundle.archive import describe_file, unpack_bundle, write_bundle
from rustbed.bundle.manifest import NAME, BundleError, Member, render_manifest

CONTENTS = {"kernel/image": b"k" * 3000, "run.sh": b"#!/bin/sh\n", "empty": b""}


def member(data: bytes) -> Member:
    return Member(size=len(data), sha256=hashlib.sha256(data).hexdigest())


FILES = {name: member(data) for name, data in CONTENTS.items()}


def write(directory: Path) -> Path:
    sources = {}
    for name, data in CONTENTS.items():
        path = directory / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        assert describe_file(path) == FILES[name]
        sources[name] = path
    target = directory / "toy.rustbed.tar.gz"
    write_bundle(target, manifest(files=FILES), sources)
    return target


def entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Return one entry of a tar archive."""
    found = tarfile.TarInfo(name)
    found.size, found.type, found.linkname = len(data), kind, link
    return found.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


def archive(directory: Path, *entries: bytes, end: bytes = bytes(1024)) -> Path:
    path = directory / "hostile.tar.gz"
    path.write_bytes(gzip.compress(b"".join(entries) + end))
    return path


MANIFEST = entry(f"toy/{NAME}", render_manifest(manifest(files=FILES)))
GOOD = [entry(f"toy/{name}", data) for name, data in CONTENTS.items()]


def refuse(bundle: Path, directory: Path, match: str) -> None:
    """Check that a bundle is refused, and that nothing was written but what it may write."""
    target = directory / "target"
    target.mkdir()
    before = snapshot(directory, target)
    with pytest.raises(BundleError, match=match):
        unpack_bundle(bundle, target)
    assert snapshot(directory, target) == before
    written = {str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()}
    assert written <= set(CONTENTS)
    assert not any(path.is_symlink() for path in target.rglob("*"))


def snapshot(directory: Path, without: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if without not in (path, *path.parents)}


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    bundle = write(tmp_path)
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_bundle(bundle, target) == manifest(files=FILES)
    assert {name: (target / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    first = write(tmp_path).read_bytes()
    for path in (tmp_path / "sources").rglob("*"):
        os.utime(path, (1, 1))
    assert write(tmp_path).read_bytes() == first


def test_tar_unpacks_it_too_and_run_sh_is_executable(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path)) as packed:
        assert packed.getnames() == [f"toy/{name}" for name in (NAME, *sorted(CONTENTS))]
        assert packed.getmember("toy/run.sh").mode == 0o755
        assert {member.uid for member in packed.getmembers()} == {0}


def test_a_bundle_made_by_hand_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_bundle(archive(tmp_path, MANIFEST, *GOOD), target).files == FILES


def test_a_file_that_cannot_be_read_leaves_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bundle(tmp_path / "x", manifest(files=FILES), dict.fromkeys(CONTENTS, tmp_path / "gone"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["toy/../../evil", "/tmp/evil", "toy/../evil", "toy//run.sh", "other/run.sh", "evil"]
)
def test_a_path_that_escapes_is_refused(tmp_path: Path, name: str) -> None:
    refuse(archive(tmp_path, MANIFEST, entry(name, b"x")), tmp_path, "does not name")


@pytest.mark.parametrize(
    "kind",
    [
        *(
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.BLKTYPE,
            tarfile.FIFOTYPE,
            tarfile.DIRTYPE,
        ),
        *(
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_SPARSE,
            tarfile.AREGTYPE,
        ),
    ],
)
def test_nothing_but_regular_files_is_taken(tmp_path: Path, kind: bytes) -> None:
    evil = entry("toy/run.sh", kind=kind, link="/etc/passwd")
    refuse(archive(tmp_path, MANIFEST, evil), tmp_path, "other than a regular file")


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    refuse(archive(tmp_path, MANIFEST, *GOOD, GOOD[0]), tmp_path, "does not name")


def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    refuse(archive(tmp_path, MANIFEST, *GOOD, entry("toy/more", b"x")), tmp_path, "does not name")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    refuse(archive(tmp_path, MANIFEST, *GOOD[1:]), tmp_path, "missing.*kernel/image")


def test_another_size_than_declared_is_refused(tmp_path: Path) -> None:
    refuse(archive(tmp_path, MANIFEST, entry("toy/run.sh", b"x" * 10_000_000)), tmp_path, "10000000 bytes")


def test_a_header_that_promises_what_does_not_come_is_refused(tmp_path: Path) -> None:
    big = tarfile.TarInfo("toy/run.sh")
    big.size = 8 * 2**30 - 1
    refuse(archive(tmp_path, MANIFEST, big.tobuf(tarfile.USTAR_FORMAT)), tmp_path, "the manifest says 10")


def test_other_contents_than_declared_are_refused(tmp_path: Path) -> None:
    refuse(archive(tmp_path, MANIFEST, entry("toy/run.sh", b"#!/bin/rm\n")), tmp_path, "SHA-256 differs")


def test_a_bundle_without_a_manifest_is_none(tmp_path: Path) -> None:
    refuse(archive(tmp_path, *GOOD), tmp_path, "does not begin with a manifest")


def test_a_manifest_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    refuse(archive(tmp_path, entry(f"toy/{NAME}", b" " * 5_000_000)), tmp_path, "does not begin with")


def test_a_directory_name_that_escapes_is_refused(tmp_path: Path) -> None:
    refuse(archive(tmp_path, entry(f"../{NAME}", b"{}")), tmp_path, "a forbidden name")


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    """A few KiB that would unpack to 64 MiB: what the manifest does not declare is not even read."""
    bomb = archive(tmp_path, MANIFEST, entry("toy/run.sh", bytes(64 * 2**20)))
    assert bomb.stat().st_size < 100_000
    refuse(bomb, tmp_path, "67108864 bytes")


def test_what_comes_behind_the_end_is_not_read(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    unpack_bundle(archive(tmp_path, MANIFEST, *GOOD, end=bytes(1024) + b"x" * 1000), target)
    assert len([path for path in target.rglob("*") if path.is_file()]) == len(CONTENTS)


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    whole = write(tmp_path).read_bytes()
    chance = random.Random(1)  # noqa: S311 - which byte is damaged is no secret
    for number in range(60):
        target = tmp_path / f"t{number}"
        target.mkdir()
        path = tmp_path / "damaged"
        at = chance.randrange(20, len(whole) - 8)
        flipped = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        path.write_bytes(whole[:at] if number % 2 else flipped)
        try:
            found = unpack_bundle(path, target)
        except BundleError:
            continue
        # a bit that means nothing to the decompressor is no damage
        assert {name: (target / name).read_bytes() for name in CONTENTS} == CONTENTS
        assert found == manifest(files=FILES)


@pytest.mark.parametrize("data", [b"", b"no archive at all", gzip.compress(b""), gzip.compress(b"x" * 2000)])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    refuse(path, tmp_path, "damaged|too early|no bundle")


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        unpack_bundle(tmp_path / "gone", tmp_path)


def test_a_plain_tar_archive_is_refused(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("x"))
    path = tmp_path / "x.tar"
    path.write_bytes(raw.getvalue())
    refuse(path, tmp_path, "damaged")
