"""The cpio archive that a kernel unpacks into its first root file system.

Owns the "newc" format, as pure functions that write it. Does not know the
purpose of an archive's members.

The format is described in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst:
a header of ASCII hexadecimal fields, the name, the contents, each padded to
four bytes, and a last member called TRAILER!!!. Everything that could differ
between two runs is fixed: owner root, time 0, inodes numbered in the order of
the members, members sorted by name.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rustbed.errors import UsageError

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
# magic, then 13 fields of eight digits
_HEADER_BYTES = 110
# the file size field has 32 bits
_SIZE_LIMIT = 1 << 32


class Kind(IntEnum):
    """Kinds of members: the file type bits of their mode."""

    FILE = stat.S_IFREG
    DIRECTORY = stat.S_IFDIR
    SYMLINK = stat.S_IFLNK
    CHARACTER_DEVICE = stat.S_IFCHR


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of an archive."""

    # path below the root, without a leading slash: "bin/sh"
    name: str
    kind: Kind
    # permission bits
    mode: int
    # contents of a file, target of a symbolic link
    data: bytes = b""
    # numbers of a device node
    major: int = 0
    minor: int = 0


def directory(name: str, mode: int = 0o755) -> Member:
    """Return a directory."""
    return Member(name=name, kind=Kind.DIRECTORY, mode=mode)


def file(name: str, data: bytes, mode: int = 0o644) -> Member:
    """Return a regular file."""
    return Member(name=name, kind=Kind.FILE, mode=mode, data=data)


def symlink(name: str, target: str) -> Member:
    """Return a symbolic link."""
    return Member(name=name, kind=Kind.SYMLINK, mode=0o777, data=target.encode())


def character_device(name: str, major: int, minor: int, mode: int = 0o600) -> Member:
    """Return a node of a character device."""
    return Member(name=name, kind=Kind.CHARACTER_DEVICE, mode=mode, major=major, minor=minor)


def with_parents(members: Iterable[Member]) -> tuple[Member, ...]:
    """Return the members sorted by name, with missing parent directories added.

    In this order a directory comes before its members. Raises UsageError for two members of one name.
    """
    found: dict[str, Member] = {}
    for member in members:
        if member.name in found:
            raise UsageError(f"two members of the image are called {member.name}")
        found[member.name] = member
    for name in list(found):
        parts = name.split("/")[:-1]
        for depth in range(len(parts)):
            parent = "/".join(parts[: depth + 1])
            found.setdefault(parent, directory(parent))
    return tuple(found[name] for name in sorted(found, key=lambda name: name.split("/")))


def render_cpio(members: Sequence[Member]) -> bytes:
    """Render an archive of the members in the given order. Raises UsageError for impossible members."""
    chunks: list[bytes] = []
    for inode, member in enumerate(members, start=1):
        chunks += _render_member(member, inode)
    chunks += _render(name=_TRAILER, fields=_fields(inode=0, links=1))
    return b"".join(chunks)


def _render_member(member: Member, inode: int) -> list[bytes]:
    _require_valid(member)
    fields = _fields(
        inode=inode,
        mode=member.kind | member.mode,
        links=2 if member.kind is Kind.DIRECTORY else 1,
        size=len(member.data),
        major=member.major,
        minor=member.minor,
    )
    return _render(name=member.name, fields=fields, data=member.data)


def _require_valid(member: Member) -> None:
    name = member.name
    parts = name.split("/")
    if name == _TRAILER or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"not a name for a member of an image: {name!r}")
    if len(member.data) >= _SIZE_LIMIT:
        raise UsageError(f"{name} is too large for an image: {len(member.data)} bytes")


def _fields(
    *, inode: int, mode: int = 0, links: int, size: int = 0, major: int = 0, minor: int = 0
) -> tuple[int, ...]:
    """Return the header's fields before the name's size; owner, group, time and own device are zero."""
    return (inode, mode, 0, 0, links, 0, size, 0, 0, major, minor)


def _render(*, name: str, fields: tuple[int, ...], data: bytes = b"") -> list[bytes]:
    encoded = name.encode() + b"\0"
    header = _MAGIC + b"".join(b"%08X" % field for field in (*fields, len(encoded), 0))
    return [header, encoded, _padding(_HEADER_BYTES + len(encoded)), data, _padding(len(data))]


def _padding(size: int) -> bytes:
    return b"\0" * (-size % 4)
