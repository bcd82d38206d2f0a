"""An empty disk in which QEMU stores snapshots of a machine; pure.

QEMU's docs/interop/qcow2.rst describes the format: numbers are big-endian,
and each part begins at a cluster boundary.
"""

from __future__ import annotations

import struct

_MAGIC = b"QFI\xfb"
_VERSION = 3
_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
# a reference count has 2^4 bits
_REFCOUNT_ORDER = 4
# bytes of the guest's disk, which is empty; QEMU stores snapshots of the machine after its end
_SIZE = 1 << 20

# numbers of the used clusters; the header is in cluster 0
_REFCOUNT_TABLE, _REFCOUNT_BLOCK, _MAPPING, _USED = 1, 2, 3, 4
# length of the header without extensions
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")


def render_empty_disk() -> bytes:
    """Render a disk without contents and without snapshots."""
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        # no backing file: offset and length of its name
        *(0, 0),
        _CLUSTER_BITS,
        _SIZE,
        # not encrypted
        0,
        # entries of the first table that maps the disk, and where it is
        *(1, _MAPPING * _CLUSTER),
        # the table of blocks of reference counts, and how many clusters it has
        *(_REFCOUNT_TABLE * _CLUSTER, 1),
        # snapshots and where they are listed
        *(0, 0),
        # features: incompatible, compatible, autoclear
        *(0, 0, 0),
        _REFCOUNT_ORDER,
        _HEADER.size,
    )
    clusters = (
        header,
        struct.pack(">Q", _REFCOUNT_BLOCK * _CLUSTER),
        struct.pack(">H", 1) * _USED,
        b"",
    )
    return b"".join(cluster.ljust(_CLUSTER, b"\0") for cluster in clusters)
