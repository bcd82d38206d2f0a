"""The guest's memory as a device sees it: mapped if it is shared, else read and written by messages.

Owns the mappings and their descriptors; messages are sent by functions that it is given.
"""

from __future__ import annotations

import bisect
import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rustbed.devices.messages import READABLE, WRITABLE, DmaMap, DmaUnmap
from rustbed.errors import UsageError

# bytes of one message; QEMU 11.1.3 sends only as much of an answer as its socket's buffer takes at once,
# about 200 KiB, so that the rest of an answer with "max_data_xfer_size" bytes never comes
MESSAGE_BYTES = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A range of guest addresses that a device may use."""

    address: int
    # bytes
    size: int
    flags: int
    # None: reached by messages
    view: mmap.mmap | None

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a transfer that lies in one mapping and fits into one message."""

    mapping: Mapping
    address: int
    count: int

    @property
    def place(self) -> slice:
        """Where it lies in the mapping's view."""
        start = self.address - self.mapping.address
        return slice(start, start + self.count)


class GuestMemory:
    """The memory that the guest has mapped for a device. `fetch` and `send` move bytes by messages."""

    def __init__(self, fetch: Callable[[int, int], bytes], send: Callable[[int, bytes], None]) -> None:
        # pid of the QEMU whose memory it is, None if unknown
        self.owner: int | None = None
        self._fetch = fetch
        self._send = send
        # sorted by address, without overlaps
        self._mappings: list[Mapping] = []
        #: whether QEMU has removed all mappings, as it does before it releases a device
        self.is_withdrawn = False

    def map(self, wanted: DmaMap, descriptor: int | None) -> None:
        """Add a mapping; the caller keeps its descriptor.

        Raises OSError: EEXIST if it overlaps another, EINVAL if it is invalid.
        """
        end = wanted.address + wanted.size
        if wanted.size == 0 or end > 1 << 64 or wanted.flags & ~(READABLE | WRITABLE):
            raise OSError(errno.EINVAL, f"cannot map {wanted}")
        at = bisect.bisect([mapping.address for mapping in self._mappings], wanted.address)
        around = self._mappings[max(0, at - 1) : at + 1]
        if any(wanted.address < mapping.end and mapping.address < end for mapping in around):
            raise OSError(errno.EEXIST, f"{wanted} overlaps another mapping")
        shared = descriptor is not None and is_shared(descriptor, self.owner)
        view = _view(wanted, descriptor) if descriptor is not None and shared else None
        self.is_withdrawn = False
        self._mappings.insert(
            at, Mapping(address=wanted.address, size=wanted.size, flags=wanted.flags, view=view)
        )

    def unmap(self, wanted: DmaUnmap) -> None:
        """Remove a mapping. Raises OSError: ENOENT if there is none with this address and size."""
        for mapping in self._mappings:
            if (mapping.address, mapping.size) == (wanted.address, wanted.size):
                self._mappings.remove(mapping)
                self.is_withdrawn = not self._mappings
                _close(mapping)
                return
        raise OSError(errno.ENOENT, f"nothing is mapped that {wanted} describes")

    def close(self) -> None:
        """Remove all mappings."""
        for mapping in self._mappings:
            _close(mapping)
        self._mappings.clear()

    def read(self, address: int, count: int) -> bytes:
        """Return bytes of the guest's memory. Raises UsageError where it has none."""
        parts = []
        for piece in self._pieces(address, count, READABLE):
            view = piece.mapping.view
            parts.append(self._fetch(piece.address, piece.count) if view is None else view[piece.place])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes to the guest's memory. Raises UsageError where it has none that can be written."""
        for piece in list(self._pieces(address, len(data), WRITABLE)):
            start = piece.address - address
            part = data if piece.count == len(data) else data[start : start + piece.count]
            view = piece.mapping.view
            if view is None:
                self._send(piece.address, part)
            else:
                view[piece.place] = part

    def _pieces(self, address: int, count: int, flag: int) -> Iterator[Piece]:
        end = address + count
        while address < end:
            mapping = self._find(address)
            if mapping is None or not mapping.flags & flag:
                way = "read from" if flag == READABLE else "written to"
                known = ", ".join(f"{each.address:#x} to {each.end:#x}" for each in self._mappings)
                raise UsageError(f"the guest has no memory at {address:#x} that can be {way}", memory=known)
            most = min(end, mapping.end) - address
            step = most if mapping.view is not None else min(most, MESSAGE_BYTES)
            yield Piece(mapping=mapping, address=address, count=step)
            address += step

    def _find(self, address: int) -> Mapping | None:
        for mapping in self._mappings:
            if mapping.address <= address < mapping.end:
                return mapping
        return None


def is_shared(descriptor: int, owner: int | None) -> bool:
    """Whether the process that sent a file has mapped it shared, so that it sees writes to the file.

    QEMU also sends the file of its memory if it has mapped it privately, as the forks of a template
    do. Then the file does not have the guest's data, and must not be changed.
    """
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        return False
    inode = str(os.fstat(descriptor).st_ino)
    try:
        lines = Path(f"/proc/{owner}/maps").read_text(errors="replace").splitlines() if owner else []
    except OSError:
        # the process has just ended
        lines = []
    # proc_pid_maps(5): address, permissions with p for private, offset, device, inode
    fields = [line.split(maxsplit=5) for line in lines]
    return not any(len(each) > 4 and each[4] == inode and each[1].endswith("p") for each in fields)


def _view(wanted: DmaMap, descriptor: int) -> mmap.mmap:
    if wanted.offset + wanted.size > os.fstat(descriptor).st_size:
        # an access behind the file's end would kill this process with SIGBUS
        raise OSError(errno.EINVAL, f"{wanted} lies behind the end of its file")
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if wanted.flags & WRITABLE else 0)
    return mmap.mmap(descriptor, wanted.size, mmap.MAP_SHARED, protection, offset=wanted.offset)


def _close(mapping: Mapping) -> None:
    if mapping.view is not None:
        mapping.view.close()
