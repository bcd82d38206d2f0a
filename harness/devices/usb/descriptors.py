"""The descriptors of a USB device with one configuration and one interface; pure.

Source: Universal Serial Bus Specification 2.0, 9.6.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from rustbed.errors import UsageError

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
IN = 0x80
# language id of strings: English (United States)
_LANGUAGE = 0x0409
# bus-powered, and half a unit load: bmAttributes, bMaxPower
_POWER = (0x80, 50)
# packet size of endpoint 0 at full and high speed
_PACKET_0 = 64


class Transfer(IntEnum):
    """Kinds of endpoints (table 9-13); isochronous ones are left out on purpose."""

    BULK = 2
    INTERRUPT = 3


class Speed(IntEnum):
    """The speed of a device, by the numbers of USB redirection."""

    LOW = 0
    FULL = 1
    HIGH = 2


# positional: a class of devices lists several, one to a line
@dataclass(frozen=True)
class Endpoint:
    """An endpoint: its address, with bit 0x80 for an IN endpoint, and its kind of transfers."""

    address: int
    transfer: Transfer = Transfer.BULK
    # bytes
    packet: int = 512
    # bInterval of an interrupt endpoint; at high speed 125 us times 2 to the power of this less 1
    interval: int = 4


def check_endpoints(kind: str, endpoints: Sequence[Endpoint]) -> None:
    """Raise UsageError for endpoints that USB cannot have."""
    seen: set[int] = set()
    for each in endpoints:
        if each.address & ~0x8F or not each.address & 0x0F:
            raise UsageError(
                f"{kind}: {each.address:#x} is not an endpoint address",
                wanted="1 to 15, with 0x80 if it is in",
            )
        if each.address in seen:
            raise UsageError(f"{kind}: endpoint {each.address:#x} is declared twice")
        if not 1 <= each.packet <= 1024 or not 1 <= each.interval <= 255:
            raise UsageError(f"{kind}: endpoint {each.address:#x} has an invalid packet size or interval")
        seen.add(each.address)


def render_device(vendor: int, product: int, version: int, strings: Sequence[str]) -> bytes:
    """Return the device descriptor; it refers to the interface for the class."""
    numbers = [number if text else 0 for number, text in enumerate(strings, 1)]
    fields = (18, DEVICE, 0x0200, 0, 0, 0, _PACKET_0, vendor, product, version, *numbers, 1)
    return struct.pack("<BBHBBBBHHHBBBB", *fields)


def render_configuration(codes: tuple[int, int, int], endpoints: Sequence[Endpoint]) -> bytes:
    """Return the configuration descriptor and all that follow it; `codes` are the interface's class."""
    body = struct.pack("<BBBBBBBBB", 9, INTERFACE, 0, 0, len(endpoints), *codes, 0)
    for each in endpoints:
        body += struct.pack("<BBBBHB", 7, ENDPOINT, each.address, each.transfer, each.packet, each.interval)
    return struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), 1, 1, 0, *_POWER) + body


def render_string(strings: Sequence[str], number: int) -> bytes | None:
    """Return a string descriptor, or the list of languages for 0; None if there is no such string."""
    if number == 0:
        return struct.pack("<BBH", 4, STRING, _LANGUAGE)
    if number > len(strings) or not strings[number - 1]:
        return None
    text = strings[number - 1].encode("utf-16-le")[:252]
    return bytes((2 + len(text), STRING)) + text
