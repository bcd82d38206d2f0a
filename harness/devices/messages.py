"""The messages of vfio-user, declared as data; pure.

Source: docs/interop/vfio-user.rst in QEMU's sources, protocol version 0.0; the
VFIO constants are those of Linux' include/uapi/linux/vfio.h. All
numbers have the host's byte order. Knows no socket and no device.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

from rustbed.devices.layouts import U16, U32, U64

# "max_data_xfer_size": most bytes of data in one message; the specification's default
MAX_TRANSFER = 1 << 20
# "max_msg_fds": a message with more descriptors is refused
MAX_DESCRIPTORS = 16


class Command(IntEnum):
    """Section "Commands"; DMA_READ and DMA_WRITE go from the device to QEMU, all others to the device."""

    VERSION = 1
    DMA_MAP = 2
    DMA_UNMAP = 3
    GET_INFO = 4
    GET_REGION_INFO = 5
    GET_REGION_IO_FDS = 6
    GET_IRQ_INFO = 7
    SET_IRQS = 8
    REGION_READ = 9
    REGION_WRITE = 10
    DMA_READ = 11
    DMA_WRITE = 12
    RESET = 13
    DIRTY_PAGES = 14
    REGION_WRITE_MULTI = 15
    FEATURE = 16
    MIG_DATA_READ = 17
    MIG_DATA_WRITE = 18


# section "Header", flags
TYPE = 0xF
REPLY = 0x1
NO_REPLY = 0x10
ERROR = 0x20


class Header(NamedTuple):
    """Section "Header"."""

    id: U16
    command: U16
    # bytes of the whole message, including this header
    size: U32
    flags: U32
    # an errno in a reply with ERROR
    error: U32


class Version(NamedTuple):
    """Section "VFIO_USER_VERSION"; JSON that ends with NUL follows."""

    major: U16
    minor: U16


class DmaMap(NamedTuple):
    """Section "VFIO_USER_DMA_MAP"; a descriptor comes with it where the memory is shared."""

    argsz: U32
    flags: U32
    # offset of the memory in the descriptor's file
    offset: U64
    address: U64
    size: U64


# DmaMap.flags
READABLE = 1
WRITABLE = 2


class DmaUnmap(NamedTuple):
    """Section "VFIO_USER_DMA_UNMAP"; the reply repeats it."""

    argsz: U32
    flags: U32
    address: U64
    size: U64


class Info(NamedTuple):
    """Section "VFIO_USER_DEVICE_GET_INFO", request and reply."""

    argsz: U32
    flags: U32
    regions: U32
    irqs: U32


# Info.flags
CAN_RESET = 1
IS_PCI = 2


class Region(IntEnum):
    """VFIO_PCI_*_REGION_INDEX; the BARs are 0 to 5."""

    BAR0 = 0
    BAR5 = 5
    ROM = 6
    CONFIG = 7
    VGA = 8


class RegionInfo(NamedTuple):
    """Section "VFIO_USER_DEVICE_GET_REGION_INFO", request and reply."""

    argsz: U32
    flags: U32
    number: U32
    cap_offset: U32
    size: U64
    offset: U64


# RegionInfo.flags; VFIO_REGION_INFO_FLAG_MMAP is not offered, so that every access is seen
CAN_READ = 1
CAN_WRITE = 2


class Irq(IntEnum):
    """VFIO_PCI_*_IRQ_INDEX."""

    INTX = 0
    MSI = 1
    MSIX = 2
    ERR = 3
    REQ = 4


class IrqInfo(NamedTuple):
    """Section "VFIO_USER_DEVICE_GET_IRQ_INFO", request and reply."""

    argsz: U32
    flags: U32
    number: U32
    total: U32


# IrqInfo.flags
EVENTFD = 1
MASKABLE = 2
AUTOMASKED = 4
NORESIZE = 8


class IrqSet(NamedTuple):
    """Section "VFIO_USER_DEVICE_SET_IRQS"; with BOOL a byte for each interrupt follows."""

    argsz: U32
    flags: U32
    number: U32
    # the first interrupt of that kind, and how many
    start: U32
    total: U32


class IrqFlag(IntFlag):
    """IrqSet.flags: one for the data of the message, and one for the action."""

    NONE = 1
    BOOL = 2
    EVENTFD = 4
    MASK = 8
    UNMASK = 16
    TRIGGER = 32


class Access(NamedTuple):
    """Sections "VFIO_USER_REGION_READ" and "_WRITE", request and reply; the data follows."""

    offset: U64
    region: U32
    length: U32


class WriteCount(NamedTuple):
    """Section "VFIO_USER_REGION_WRITE_MULTI"; this many `OneWrite` follow."""

    total: U64


class OneWrite(NamedTuple):
    """Section "Single Device Write Format"; 8 bytes follow, of which `length` count."""

    offset: U64
    region: U32
    length: U32


class Dma(NamedTuple):
    """Sections "VFIO_USER_DMA_READ" and "_WRITE", request and reply; the data follows."""

    address: U64
    length: U64
