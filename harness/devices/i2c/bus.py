"""A bus with chips: transfers to them, and the trace of those. Knows no machine and no protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.history import History
from rustbed.devices.i2c.chip import I2cChip, Nack
from rustbed.devices.injector import OF_TRANSFERS, FromInjector, Injector, kinds_of_read, kinds_of_write
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.errors import UsageError


# positional, as the events of other devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class I2cRead:
    """The driver read bytes from an address; none if no chip acknowledged."""

    address: int
    data: bytes = b""
    acknowledged: bool = True
    # seconds since the bus was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class I2cWrite:
    """The driver wrote bytes to an address; none are a probe whether there is a chip."""

    address: int
    data: bytes = b""
    acknowledged: bool = True
    # seconds since the bus was made
    at: float = field(default=0.0, compare=False, repr=False)


I2cTransfer = I2cRead | I2cWrite


class Settling(Protocol):
    """What serves a bus."""

    def settle(self) -> None:
        """Return when all that the guest has sent was served. Raises DeviceError."""


class I2cBus:
    """A bus with these chips. Raises UsageError if two have the same address."""

    #: how the bus misbehaves, counted in its transfers from now on; None: not at all
    fault = FromInjector[Fault | None]()
    #: whether the driver came to the transfer at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since the last transfer
    idle_s = FromInjector[float]()

    def __init__(self, *chips: I2cChip) -> None:
        self.chips = {chip.address: chip for chip in chips}
        if len(self.chips) != len(chips):
            raise UsageError("two chips of a bus have the same address")
        self._transfers: History[I2cTransfer] = History()
        self._server: Settling | None = None
        # time.monotonic() when it was made: its transfers count from there
        self.began = time.monotonic()
        self.faults = Injector(kinds=OF_TRANSFERS | {FaultKind.LATE})

    def plan(self) -> Plan:
        """Return what can go wrong in the transfers that there were."""
        return plan_accesses((transfer, _kinds(transfer)) for transfer in self._transfers)

    @property
    def trace(self) -> list[I2cTransfer]:
        """The transfers, in order, up to this very moment. Raises DeviceError if a chip failed."""
        if self._server is not None:
            self._server.settle()
        return self.history

    @property
    def history(self) -> list[I2cTransfer]:
        """What is known now of the transfers, also of a bus whose chip failed."""
        return self._transfers.visible

    def forget(self) -> None:
        """Let `trace` begin here."""
        if self._server is not None:
            self._server.settle()
        self._transfers.forget()

    # -- for the server ----------------------------------------------------------

    def connect_to(self, server: Settling | None) -> None:
        """Say what serves the bus from now on; None: nothing."""
        self._server = server

    def delay_of(self, address: int) -> float:
        """Return for how many seconds the next transfer's clock is stretched."""
        chip = self.chips.get(address)
        return self.faults.delay_s + (chip.stretch_s + chip.faults.delay_s if chip else 0.0)

    def write(self, address: int, data: bytes, ask: Callable[..., object]) -> bool:
        """Let a chip take bytes and return whether it acknowledged; `ask` runs its code."""
        chip = self._reach(address)
        arriving = data if chip is None else self._changed(chip, data)
        done = chip is not None
        # one that is lost is acknowledged, and the chip does not see it
        if chip is not None and (arriving or not data):
            done = _asked(ask, "a write", chip.on_write, arriving) is not None
        self._transfers.append(I2cWrite(address, data, done, self._now()))
        return done

    def read(self, address: int, count: int, ask: Callable[..., object]) -> bytes | None:
        """Return so many bytes of a chip; None if it did not acknowledge. `ask` runs its code."""
        chip = self._reach(address)
        answer = None if chip is None else _asked(ask, "a read", chip.on_read, count)
        data = _fitting(answer, count)
        if data is not None and chip is not None:
            data = _fitting(self._changed(chip, data), count)
        self._transfers.append(I2cRead(address, data or b"", data is not None, self._now()))
        return data

    def _reach(self, address: int) -> I2cChip | None:
        """Count a transfer and return the chip that takes it, None if there is none or it refuses."""
        chip = self.chips.get(address)
        is_taken = self.faults.takes()
        return chip if chip is not None and chip.faults.takes() and is_taken else None

    def _changed(self, chip: I2cChip, data: bytes) -> bytes:
        """Return a transfer's bytes as they arrive."""
        return self.faults.change(chip.faults.change(data))

    def _now(self) -> float:
        return time.monotonic() - self.began


def _asked(ask: Callable[..., object], what: str, call: Callable[..., object], given: object) -> object:
    """Return what a chip's code returns, True for nothing; None if it does not acknowledge, or failed."""

    def acknowledging() -> object:
        try:
            answer = call(given)
        except Nack:
            return None
        return True if answer is None else answer

    return ask(what, acknowledging)


def _fitting(answer: object, count: int) -> bytes | None:
    """Return so many bytes of an answer: a line that is not pulled down reads as ones."""
    return answer[:count].ljust(count, b"\xff") if isinstance(answer, bytes) else None


def _kinds(transfer: I2cTransfer) -> Iterator[FaultKind]:
    """Yield what can go wrong with a transfer; nothing with one that no chip answers."""
    if not transfer.acknowledged:
        return
    if isinstance(transfer, I2cRead):
        yield from kinds_of_read(transfer.data)
    else:
        yield from kinds_of_write()
        # one byte is the pointer: the chip has taken nothing else
        if len(transfer.data) > 1:
            yield FaultKind.LOST_WRITE
    yield FaultKind.LATE


def render_transfers(transfers: Iterable[I2cTransfer]) -> str:
    """Render a line for each transfer: seconds, and the transfer as Python writes it."""
    return "".join(f"{each.at:.6f} {each!r}\n" for each in transfers)
