"""Memory layouts of messages that are declared as data; pure.

A message is a NamedTuple whose fields have the types below. Numbers have the host's byte order.
"""

from __future__ import annotations

import struct
from typing import Annotated, NamedTuple, TypeVar, get_args, get_type_hints

U8 = Annotated[int, "B"]
U16 = Annotated[int, "H"]
U32 = Annotated[int, "I"]
U64 = Annotated[int, "Q"]

T = TypeVar("T", bound=NamedTuple)

_LAYOUTS: dict[type, struct.Struct] = {}


def layout(kind: type) -> struct.Struct:
    """Return the memory layout of a message: its fields in order, without padding."""
    if kind not in _LAYOUTS:
        hints = get_type_hints(kind, include_extras=True)
        codes = [get_args(hint)[1] for hint in hints.values()]
        _LAYOUTS[kind] = struct.Struct("=" + "".join(codes))
    return _LAYOUTS[kind]


def pack(message: tuple[int | bytes, ...]) -> bytes:
    """Return a message's bytes. Raises struct.error for a number that does not fit."""
    return layout(type(message)).pack(*message)


def unpack(kind: type[T], data: bytes) -> tuple[T, bytes]:
    """Return a message and the bytes that follow it. Raises ValueError if `data` is too short."""
    size = layout(kind).size
    if len(data) < size:
        raise ValueError(f"{kind.__name__} has {len(data)} bytes instead of {size}")
    return kind._make(layout(kind).unpack_from(data)), data[size:]


def unpack_exactly(kind: type[T], data: bytes) -> T:
    """Return a message. Raises ValueError if `data` is too short or too long."""
    message, rest = unpack(kind, data)
    if rest:
        raise ValueError(f"{len(rest)} bytes follow {kind.__name__}")
    return message
