"""The reader of cpio archives, for tests that look into what was written; the product writes them only."""

from __future__ import annotations

import stat

from rustbed.image.cpio import Kind, Member

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
# magic, then 13 fields of eight digits
_HEADER_BYTES = 110


def parse_cpio(archive: bytes) -> tuple[Member, ...]:
    """Return the members of an archive, up to its trailer; ValueError if it is not one."""
    members: list[Member] = []
    offset = 0
    while True:
        header = archive[offset : offset + _HEADER_BYTES]
        if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
            raise ValueError(f"no cpio header at byte {offset}")
        fields = [int(header[start : start + 8], 16) for start in range(6, _HEADER_BYTES, 8)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name_at = offset + _HEADER_BYTES
        data_at = name_at + name_size + -(name_at + name_size) % 4
        if data_at + size > len(archive):
            raise ValueError(f"cpio member at byte {offset} is cut off")
        name = archive[name_at : name_at + name_size - 1].decode()
        if name == _TRAILER:
            return tuple(members)
        members.append(
            Member(
                name=name,
                kind=Kind(stat.S_IFMT(mode)),
                mode=stat.S_IMODE(mode),
                data=archive[data_at : data_at + size],
                major=fields[9],
                minor=fields[10],
            )
        )
        offset = data_at + size + -size % 4
