"""What happens at the lines of a GPIO controller, for a test to look at; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Direction(IntEnum):
    """Which way a line goes, as the driver has set it. The numbers are virtio's."""

    NONE = 0
    OUT = 1
    IN = 2


class Trigger(IntEnum):
    """What makes a line's interrupt happen. The numbers are virtio's."""

    NONE = 0
    RISING = 1
    FALLING = 2
    BOTH = 3
    HIGH = 4
    LOW = 8


# positional, as the events of other devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class GpioRead:
    """The driver read a line."""

    line: str
    value: int
    # whether the controller answered with an error
    refused: bool = False
    # seconds since the controller was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class GpioWrite:
    """The driver set a line; it does so before it makes it an output, too."""

    line: str
    value: int
    # as in GpioRead
    refused: bool = False
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class GpioSetup:
    """The driver chose a line's direction, or what triggers its interrupt."""

    line: str
    chosen: Direction | Trigger
    # as in GpioRead
    refused: bool = False
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class GpioInterrupt:
    """The controller told the driver of a line's interrupt."""

    line: str
    # seconds since the controller was made
    at: float = field(default=0.0, compare=False, repr=False)


GpioEvent = GpioRead | GpioWrite | GpioSetup | GpioInterrupt
# those that the driver makes
GpioAccess = GpioRead | GpioWrite | GpioSetup
