"""A split virtqueue in the guest's memory, as the device sees it.

Owns the mappings of that memory. For this module requests are only bytes.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rustbed.devices.layouts import T, layout, pack, unpack_exactly
from rustbed.devices.vhost.messages import (
    Descriptor,
    DescriptorFlag,
    MemoryRegion,
    Ring,
    Used,
    VringAddress,
)

# most entries of a queue (section 2.7), a power of two
_MOST = 32768
# bytes of an entry of the ring of requests that are available
_AVAILABLE = 2


class Memory:
    """The guest's memory, mapped."""

    def __init__(self, regions: Sequence[MemoryRegion], descriptors: Sequence[int]) -> None:
        if len(regions) != len(descriptors):
            raise ValueError(f"{len(descriptors)} descriptors for {len(regions)} regions")
        self._views: list[tuple[MemoryRegion, mmap.mmap]] = []
        for region, descriptor in zip(regions, descriptors, strict=True):
            if region.offset + region.size > os.fstat(descriptor).st_size:
                # an access behind the file's end would kill this process with SIGBUS
                raise ValueError(f"{region} lies behind the end of its file")
            view = mmap.mmap(descriptor, region.size, mmap.MAP_SHARED, offset=region.offset)
            self._views.append((region, view))

    def guest_of(self, user: int) -> int:
        """Return the guest's address for an address of QEMU. Raises ValueError if there is no memory."""
        for region, _ in self._views:
            if region.user <= user < region.user + region.size:
                return user - region.user + region.guest
        raise ValueError(f"QEMU has none of the guest's memory at {user:#x}")

    def read(self, address: int, count: int) -> bytes:
        """Return bytes. Raises ValueError if the guest has no memory there."""
        view, start = self._find(address, count)
        return view[start : start + count]

    def write(self, address: int, data: bytes) -> None:
        """Write bytes. Raises ValueError if the guest has no memory there."""
        view, start = self._find(address, len(data))
        view[start : start + len(data)] = data

    def _find(self, address: int, count: int) -> tuple[mmap.mmap, int]:
        for region, view in self._views:
            if region.guest <= address and address + count <= region.guest + region.size:
                return view, address - region.guest
        raise ValueError(f"the guest has no memory of {count} bytes at {address:#x}")

    def close(self) -> None:
        """Unmap the memory."""
        for _, view in self._views:
            view.close()
        self._views.clear()


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A request: the bytes from the driver, and the places for the device's answer."""

    head: int
    out: bytes
    # address and bytes of each piece
    places: tuple[tuple[int, int], ...]

    @property
    def room(self) -> int:
        """Bytes that the device can write."""
        return sum(count for _, count in self.places)


class Virtqueue:
    """One queue; all addresses are the guest's."""

    def __init__(self, memory: Memory, size: int, address: VringAddress, next_request: int) -> None:
        if not 0 < size <= _MOST or size & (size - 1):
            raise ValueError(f"a queue of {size} entries")
        self._memory = memory
        self._size = size
        self._descriptors = memory.guest_of(address.descriptors)
        self._available = memory.guest_of(address.available)
        self._used = memory.guest_of(address.used)
        #: index of the next request to serve, modulo 65536 as in the ring
        self.next = next_request
        self._done = self._load(Ring, self._used).next

    @property
    def waiting(self) -> int:
        """How many requests there are to serve."""
        return (self._load(Ring, self._available).next - self.next) & 0xFFFF

    def take(self) -> Chain | None:
        """Return the next request, None if there is none. Raises ValueError if it is malformed."""
        waiting = self.waiting
        if waiting > self._size:
            raise ValueError(f"{waiting} requests wait in a queue of {self._size}")
        if not waiting:
            return None
        place = layout(Ring).size + self.next % self._size * _AVAILABLE
        head = int.from_bytes(self._memory.read(self._available + place, _AVAILABLE), "little")
        self.next = (self.next + 1) & 0xFFFF
        return self._chain(head)

    def give(self, chain: Chain, data: bytes) -> None:
        """Finish a request: `data` fills its places in order. Raises ValueError if it does not fit."""
        left = data
        for address, count in chain.places:
            self._memory.write(address, left[:count])
            left = left[count:]
        if left:
            raise ValueError(f"{len(left)} bytes more than the request takes")
        place = layout(Ring).size + self._done % self._size * layout(Used).size
        self._memory.write(self._used + place, pack(Used(chain.head, len(data))))
        self._done = (self._done + 1) & 0xFFFF
        # last, because the driver looks at this index
        self._memory.write(self._used + 2, self._done.to_bytes(2, "little"))

    def _load(self, kind: type[T], address: int) -> T:
        return unpack_exactly(kind, self._memory.read(address, layout(kind).size))

    def _chain(self, head: int) -> Chain:
        out, places = b"", []
        for each in self._walk(self._descriptors, self._size, head):
            if each.flags & DescriptorFlag.WRITE:
                places.append((each.address, each.length))
            elif places:
                raise ValueError("the driver's part of a request follows the device's")
            else:
                out += self._memory.read(each.address, each.length)
        return Chain(head=head, out=out, places=tuple(places))

    def _walk(self, table: int, size: int, index: int) -> Iterator[Descriptor]:
        for _ in range(size):
            if index >= size:
                raise ValueError(f"descriptor {index} of {size}")
            found = self._load(Descriptor, table + index * layout(Descriptor).size)
            if found.flags & DescriptorFlag.INDIRECT:
                if table != self._descriptors or found.flags & DescriptorFlag.NEXT:
                    raise ValueError("a table of descriptors in the middle of others")
                yield from self._walk(found.address, found.length // layout(Descriptor).size, 0)
                return
            yield found
            if not found.flags & DescriptorFlag.NEXT:
                return
            index = found.next
        raise ValueError("the descriptors of a request go round in a circle")
