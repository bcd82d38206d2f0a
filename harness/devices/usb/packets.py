"""The packets of USB redirection, declared as data; pure.

Source: docs/usb-redirection-protocol.md and usbredirparser/usbredirproto.h of
https://gitlab.freedesktop.org/spice/usbredir, version 0.7. The layouts are those with the
capabilities of `OFFERED`, which QEMU has, too. Numbers are little-endian.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Annotated, NamedTuple

from rustbed.devices.layouts import U8, U16, U32, U64

# entries in a table of endpoints: first OUT, then IN
ENDPOINTS = 32
_PER_ENDPOINT = Annotated[bytes, f"{ENDPOINTS}s"]


class Type(IntEnum):
    """Kinds of packets; only those that are used here."""

    HELLO = 0
    DEVICE_CONNECT = 1
    DEVICE_DISCONNECT = 2
    RESET = 3
    INTERFACE_INFO = 4
    EP_INFO = 5
    SET_CONFIGURATION = 6
    GET_CONFIGURATION = 7
    CONFIGURATION_STATUS = 8
    SET_ALT_SETTING = 9
    GET_ALT_SETTING = 10
    ALT_SETTING_STATUS = 11
    START_INTERRUPT_RECEIVING = 15
    STOP_INTERRUPT_RECEIVING = 16
    INTERRUPT_RECEIVING_STATUS = 17
    CANCEL_DATA_PACKET = 21
    FILTER_REJECT = 22
    FILTER_FILTER = 23
    CONTROL_PACKET = 100
    BULK_PACKET = 101
    INTERRUPT_PACKET = 103


class Status(IntEnum):
    """How a transfer ended."""

    SUCCESS = 0
    CANCELLED = 1
    INVALID = 2
    STALL = 4


class Capability(IntEnum):
    """Optional parts of the protocol, by the number of their bit."""

    CONNECT_DEVICE_VERSION = 1
    FILTER = 2
    EP_INFO_MAX_PACKET_SIZE = 4
    IDS_OF_64_BITS = 5
    BULK_LENGTH_OF_32_BITS = 6


# QEMU attaches no device without the last three to an xhci; it reports that only with the filter
OFFERED = sum(1 << each for each in Capability)


class FirstHeader(NamedTuple):
    """The header of each packet until both sides have said hello."""

    type: U32
    # bytes that follow
    length: U32
    id: U32


class Header(NamedTuple):
    """The header of each packet."""

    type: U32
    # bytes that follow
    length: U32
    id: U64


class Hello(NamedTuple):
    """The body of each side's first packet; words of capabilities follow."""

    version: Annotated[bytes, "64s"]


class DeviceConnect(NamedTuple):
    """A device was plugged in; packets before it described its interfaces and endpoints."""

    speed: U8
    device_class: U8
    device_subclass: U8
    device_protocol: U8
    vendor_id: U16
    product_id: U16
    # in binary-coded decimal
    version: U16


class InterfaceInfo(NamedTuple):
    """The interfaces of the device's configuration."""

    interfaces: U32
    number: _PER_ENDPOINT
    interface_class: _PER_ENDPOINT
    subclass: _PER_ENDPOINT
    protocol: _PER_ENDPOINT


class EpInfo(NamedTuple):
    """The endpoints of the device's configuration; missing ones have type 255."""

    type: _PER_ENDPOINT
    interval: _PER_ENDPOINT
    interface: _PER_ENDPOINT
    # a number of 16 bits each
    max_packet_size: Annotated[bytes, f"{2 * ENDPOINTS}s"]


class Configuration(NamedTuple):
    """Body of SET_CONFIGURATION."""

    number: U8


class ConfigurationStatus(NamedTuple):
    """The answer to SET_CONFIGURATION and GET_CONFIGURATION."""

    status: U8
    number: U8


class Interface(NamedTuple):
    """Body of GET_ALT_SETTING."""

    number: U8


class AltSetting(NamedTuple):
    """Body of SET_ALT_SETTING."""

    interface: U8
    number: U8


class AltSettingStatus(NamedTuple):
    """The answer to SET_ALT_SETTING and GET_ALT_SETTING."""

    status: U8
    interface: U8
    number: U8


class Receiving(NamedTuple):
    """Body of START_INTERRUPT_RECEIVING and STOP_INTERRUPT_RECEIVING."""

    endpoint: U8


class ReceivingStatus(NamedTuple):
    """The answer to START_INTERRUPT_RECEIVING and STOP_INTERRUPT_RECEIVING."""

    status: U8
    endpoint: U8


class ControlPacket(NamedTuple):
    """A request to endpoint 0, and its answer; the data follows."""

    endpoint: U8
    request: U8
    request_type: U8
    status: U8
    value: U16
    w_index: U16
    length: U16


class BulkPacket(NamedTuple):
    """A bulk transfer, and its answer; the data follows."""

    endpoint: U8
    status: U8
    length: U16
    stream: U32
    length_high: U16


class InterruptPacket(NamedTuple):
    """An interrupt transfer; the data follows."""

    endpoint: U8
    status: U8
    length: U16


def index_of(endpoint: int) -> int:
    """Return an endpoint's index in a table of endpoints."""
    return (endpoint & 0x80) >> 3 | endpoint & 0x0F


def hello(version: str) -> bytes:
    """Return the body of our hello."""
    return struct.pack("=64sI", version.encode(), OFFERED)
