"""Guest memory in files: copied without its empty pages, and recognised."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rustbed.forks.pages import PAGE, copy_pages, hash_pages

# pages as one byte each; a zero is an empty one
layouts = st.lists(st.sampled_from(b"\0\0\0ab"), max_size=24).map(bytes)
same_directory = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def write_memory(path: Path, layout: bytes, *, sparse: bool) -> Path:
    with path.open("wb") as stream:
        stream.truncate(len(layout) * PAGE)
        for number, byte in enumerate(layout):
            if byte or not sparse:
                stream.seek(number * PAGE)
                stream.write(bytes([byte]) * PAGE)
    return path


def copied(source: Path, target: Path) -> Path:
    descriptor = os.open(source, os.O_RDONLY)
    try:
        copy_pages(descriptor, target)
    finally:
        os.close(descriptor)
    return target


@given(layouts, st.booleans())
@same_directory
def test_copy_is_the_same_to_its_reader(tmp_path: Path, layout: bytes, sparse: bool) -> None:
    source = write_memory(tmp_path / "source", layout, sparse=sparse)
    target = copied(source, tmp_path / "target")
    assert target.read_bytes() == source.read_bytes()
    assert hash_pages(target) == hash_pages(source)


def test_empty_pages_take_no_room_in_a_copy(tmp_path: Path) -> None:
    source = write_memory(tmp_path / "source", b"a" + bytes(4000) + b"b", sparse=False)
    target = copied(source, tmp_path / "target")
    assert target.stat().st_blocks * 512 <= 16 * PAGE
    assert target.stat().st_size == 4002 * PAGE


@given(layouts)
@same_directory
def test_holes_and_pages_of_zeros_hash_alike(tmp_path: Path, layout: bytes) -> None:
    full = hash_pages(write_memory(tmp_path / "full", layout, sparse=False))
    assert hash_pages(write_memory(tmp_path / "sparse", layout, sparse=True)) == full


@given(layouts, layouts)
@same_directory
def test_other_contents_have_another_hash(tmp_path: Path, one: bytes, two: bytes) -> None:
    hashes = [hash_pages(write_memory(tmp_path / "memory", layout, sparse=True)) for layout in (one, two)]
    assert (hashes[0] == hashes[1]) == (one == two)


@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE + 1])
def test_files_need_not_end_with_a_page(tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)
    target = copied(source, tmp_path / "target")
    assert target.read_bytes() == b"x" * size
    assert hash_pages(target) == hash_pages(source)
