"""The messages of vhost-user and the parts of a virtqueue, declared as data; pure.

Source: docs/interop/vhost-user.rst in QEMU's sources, and section 2.7 (split virtqueues) of Virtual I/O
Device 1.2. Messages of vhost-user have the host's byte order, data in a virtqueue is little-endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

from rustbed.devices.layouts import U16, U32, U64


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
    GET_CONFIG = 24
    SET_CONFIG = 25


# section "Header": version, and flags for a message that is a reply or needs one
VERSION, REPLY, NEEDS_REPLY = 0x1, 0x4, 0x8
# section "A vring descriptor index": no descriptor comes with the message
NO_DESCRIPTOR = 0x100

# features of every device: VIRTIO_F_INDIRECT_DESC, because QEMU 11.1.3 gives its queues 4 entries, and a
# request of I2C takes 3; VHOST_USER_F_PROTOCOL_FEATURES; VIRTIO_F_VERSION_1
FEATURES = 1 << 28 | 1 << 30 | 1 << 32
# VHOST_USER_PROTOCOL_F_MQ: there may be more queues than one; VHOST_USER_PROTOCOL_F_REPLY_ACK: a front-end
# waits until the memory is mapped; VHOST_USER_PROTOCOL_F_CONFIG: the configuration space is the device's
PROTOCOL_FEATURES = 1 << 0 | 1 << 3
CONFIG_SPACE = 1 << 9


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


class ConfigRange(NamedTuple):
    """Body of GET_CONFIG and SET_CONFIG; `size` bytes of the configuration space follow."""

    offset: U32
    size: U32
    flags: U32


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
