"""The messages of vhost-user and the requests of virtio's I2C adapter, declared as data; pure.

Source: docs/interop/vhost-user.rst in QEMU's sources, and sections 2.7 (split virtqueues) and
5.16 (I2C adapter) of Virtual I/O Device 1.2. Messages of vhost-user have the host's byte order,
data in a virtqueue is little-endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

from rustbed.devices.layouts import U8, U16, U32, U64


class Request(IntEnum):
    """Section "Front-end message types": those that QEMU sends to such a device."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18


# section "Header": version, and flags for a message that is a reply or needs one
VERSION, REPLY, NEEDS_REPLY = 0x1, 0x4, 0x8
# section "A vring descriptor index": no descriptor comes with the message
NO_DESCRIPTOR = 0x100

# VIRTIO_I2C_F_ZERO_LENGTH_REQUEST, which Linux' driver requires; VIRTIO_F_INDIRECT_DESC, without which a
# transaction of two requests does not fit: QEMU 11.1.3 has a queue of 4 entries, and a request takes 3;
# VHOST_USER_F_PROTOCOL_FEATURES; VIRTIO_F_VERSION_1
FEATURES = 1 << 0 | 1 << 28 | 1 << 30 | 1 << 32
# VHOST_USER_PROTOCOL_F_REPLY_ACK: a front-end waits until the memory is mapped
PROTOCOL_FEATURES = 1 << 3


class Header(NamedTuple):
    """Before each message."""

    request: U32
    flags: U32
    # bytes that follow
    size: U32


class Number(NamedTuple):
    """A number of 64 bits: features, an index, an acknowledgement."""

    value: U64


class MemoryTable(NamedTuple):
    """Body of SET_MEM_TABLE; `regions` regions follow, each with a descriptor."""

    regions: U32
    padding: U32


class MemoryRegion(NamedTuple):
    """A piece of the guest's memory: its address in the guest and in QEMU, its offset in the file."""

    guest: U64
    size: U64
    user: U64
    offset: U64


class VringState(NamedTuple):
    """A number for one queue: its size, its next request, whether it is enabled."""

    queue: U32
    number: U32


class VringAddress(NamedTuple):
    """The addresses of a queue's three parts, in QEMU's address space."""

    queue: U32
    flags: U32
    descriptors: U64
    used: U64
    available: U64
    log: U64


class Descriptor(NamedTuple):
    """An entry of a queue's descriptor table, and of an indirect one."""

    address: U64
    length: U32
    flags: U16
    next: U16


class DescriptorFlag(IntFlag):
    """Bits of `Descriptor.flags`."""

    NEXT = 1
    # the device writes there
    WRITE = 2
    INDIRECT = 4


class Ring(NamedTuple):
    """The beginning of both rings."""

    flags: U16
    next: U16


class Used(NamedTuple):
    """An entry of the ring of requests that were served."""

    id: U32
    # bytes that the device wrote
    length: U32


class Out(NamedTuple):
    """The beginning of a request; `address` is the chip's, shifted left by one."""

    address: U16
    padding: U16
    flags: U32


class OutFlag(IntFlag):
    """Bits of `Out.flags`."""

    # the next request belongs to the same transaction, and fails if this one does
    FAIL_NEXT = 1
    READ = 2


class In(NamedTuple):
    """The end of a request."""

    status: U8


OK, FAILED = 0, 1
