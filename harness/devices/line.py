"""The interface by which a device reaches the guest, and its stand-in while there is no guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rustbed.errors import UsageError


class Cut(Exception):  # noqa: N818 - what happened to a line, and no fault of the device's code
    """The device was unplugged while it accessed the guest's memory."""


class Line(Protocol):
    """The connection of a served device to the guest."""

    def read_memory(self, address: int, count: int) -> bytes:
        """Return bytes of the guest's memory. Raises Cut."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Write bytes to the guest's memory. Raises Cut."""

    def raise_irq(self, vector: int) -> bool:
        """Raise an interrupt and return whether it was delivered."""

    def lower_irq(self) -> None:
        """Release the INTx line."""

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function later, between two accesses."""

    def settle(self) -> None:
        """Wait until every access that the guest has made was served. Raises DeviceError."""


class Unplugged:
    """The line of a device that is not served."""

    def _refuse(self, *_: object) -> Any:
        raise UsageError("the device is not plugged into a machine")

    read_memory = write_memory = raise_irq = after = _refuse

    def lower_irq(self) -> None:
        """Do nothing: there is no line."""

    def settle(self) -> None:
        """Return at once: there is no guest."""
