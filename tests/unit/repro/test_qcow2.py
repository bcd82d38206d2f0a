"""An empty disk, as the format wants it."""

from __future__ import annotations

import struct

from rustbed.repro.qcow2 import render_empty_disk

CLUSTER = 1 << 16


def number(disk: bytes, offset: int, size: int = 8) -> int:
    return int.from_bytes(disk[offset : offset + size], "big")


def test_everything_lies_where_the_header_says() -> None:
    disk = render_empty_disk()
    assert (disk[:4], number(disk, 4, 4), number(disk, 20, 4)) == (b"QFI\xfb", 3, 16)
    # entries of the table that maps the disk, and where it is: nothing is mapped
    entries, mapping = number(disk, 36, 4), number(disk, 40)
    assert (entries, disk[mapping : mapping + 8 * entries]) == (1, bytes(8))
    # the disk fits into that table: each entry is for a cluster of further entries
    assert number(disk, 24) <= entries * (CLUSTER // 8) * CLUSTER
    # snapshots, features, bits of a reference count, length of the header
    assert (number(disk, 60, 4), disk[72:96]) == (0, bytes(24))
    assert (number(disk, 96, 4), number(disk, 100, 4)) == (4, 104)


def test_every_cluster_is_counted_once() -> None:
    disk = render_empty_disk()
    block = number(disk, number(disk, 48))
    counts = struct.unpack(">8H", disk[block : block + 16])
    assert counts[: len(disk) // CLUSTER] == (1,) * (len(disk) // CLUSTER)
    assert set(counts[len(disk) // CLUSTER :]) == {0}
