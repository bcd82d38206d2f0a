"""The newc writer, byte for byte, and the reader that tests have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cpio import parse_cpio

from rustbed.errors import UsageError
from rustbed.image.cpio import (
    Kind,
    Member,
    character_device,
    directory,
    file,
    render_cpio,
    symlink,
    with_parents,
)

# fields: inode, mode, uid, gid, links, mtime, size, own device (2), node (2), size of the name, check
_TRAILER = (
    b"070701" + b"00000000" * 4 + b"00000001" + b"00000000" * 6 + b"0000000B" + b"00000000"
    b"TRAILER!!!\0" + b"\0" * 3
)


def test_file_is_a_header_a_name_and_padded_contents() -> None:
    assert render_cpio([file("init", b"hello", 0o755)]) == (
        b"070701"
        b"00000001" b"000081ED" b"00000000" b"00000000" b"00000001" b"00000000" b"00000005"
        b"00000000" b"00000000" b"00000000" b"00000000" b"00000005" b"00000000"
        b"init\0" b"\0"
        b"hello" b"\0\0\0" + _TRAILER
    )  # fmt: skip


def test_device_node_has_its_numbers_and_no_contents() -> None:
    assert render_cpio([character_device("dev/console", 5, 1)]) == (
        b"070701"
        b"00000001" b"00002180" b"00000000" b"00000000" b"00000001" b"00000000" b"00000000"
        b"00000000" b"00000000" b"00000005" b"00000001" b"0000000C" b"00000000"
        b"dev/console\0" b"\0\0" + _TRAILER
    )  # fmt: skip


def test_symlink_holds_its_target() -> None:
    assert render_cpio([symlink("bin/sh", "busybox")]) == (
        b"070701"
        b"00000001" b"0000A1FF" b"00000000" b"00000000" b"00000001" b"00000000" b"00000007"
        b"00000000" b"00000000" b"00000000" b"00000000" b"00000007" b"00000000"
        b"bin/sh\0" b"\0\0\0" b"busybox" b"\0" + _TRAILER
    )  # fmt: skip


def test_archive_of_nothing_is_a_trailer() -> None:
    assert render_cpio([]) == _TRAILER
    assert parse_cpio(_TRAILER) == ()


def test_inodes_count_up_so_that_no_two_members_are_taken_for_hard_links() -> None:
    archive = render_cpio([file("a", b"1"), file("b", b"2")])
    starts = [at for at in range(len(archive)) if archive.startswith(b"070701", at)]
    assert [archive[at + 6 : at + 14] for at in starts] == [b"00000001", b"00000002", b"00000000"]


def test_directories_that_members_need_come_before_them() -> None:
    made = with_parents([file("lib/modules/a.ko", b""), file("init", b""), directory("lib", 0o700)])
    assert [(member.name, member.kind, member.mode) for member in made] == [
        ("init", Kind.FILE, 0o644),
        ("lib", Kind.DIRECTORY, 0o700),
        ("lib/modules", Kind.DIRECTORY, 0o755),
        ("lib/modules/a.ko", Kind.FILE, 0o644),
    ]


def test_order_of_the_parts_does_not_matter() -> None:
    parts = [file("b/c", b"1"), file("b.d", b"2"), symlink("a", "b.d"), directory("b")]
    assert with_parents(parts) == with_parents(reversed(parts))


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two members of the image are called etc/fstab"):
        with_parents([file("etc/fstab", b"1"), file("etc/fstab", b"2")])


@pytest.mark.parametrize("name", ["", "/init", "a//b", "a/../b", "./a", "a/", "a\0b", "TRAILER!!!"])
def test_name_that_would_be_unpacked_somewhere_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a name for a member"):
        render_cpio([file(name, b"")])


@pytest.mark.parametrize(
    "archive", [b"", b"070701", b"garbage" * 40, render_cpio([file("a", b"x" * 99)])[:150]]
)
def test_reader_refuses_what_is_no_whole_archive(archive: bytes) -> None:
    with pytest.raises(ValueError, match="cpio"):
        parse_cpio(archive)


_NAMES = st.text("abc.-_é0", min_size=1, max_size=9).filter(lambda part: part not in (".", ".."))
_MEMBERS = st.builds(
    Member,
    name=st.lists(_NAMES, min_size=1, max_size=3).map("/".join),
    kind=st.sampled_from(Kind),
    mode=st.integers(0, 0o7777),
    data=st.binary(max_size=70),
    major=st.integers(0, 4095),
    minor=st.integers(0, 1 << 20),
)


@given(st.lists(_MEMBERS, max_size=8))
def test_what_is_written_is_read_back(members: list[Member]) -> None:
    archive = render_cpio(members)
    assert parse_cpio(archive) == tuple(members)
    assert len(archive) % 4 == 0
