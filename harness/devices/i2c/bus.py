"""An I2C bus with chips: transfers to the chips, and their trace. Knows no machine and no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.i2c.chip import I2cChip, Nack
from rustbed.devices.injector import OF_TRANSFERS, FromInjector, Injector, kinds_of_read, kinds_of_write
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.devices.vhost.happened import Happened
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
    """The driver wrote bytes to an address; a write without bytes probes for a chip."""

    address: int
    data: bytes = b""
    acknowledged: bool = True
    # seconds since the bus was made
    at: float = field(default=0.0, compare=False, repr=False)


I2cTransfer = I2cRead | I2cWrite


class I2cBus:
    """A bus with these chips. Raises UsageError if two have the same address."""

    #: its fault, counted in its transfers from now on; None: it works
    fault = FromInjector[Fault | None]()
    #: whether the driver has made the transfer at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since the last transfer
    idle_s = FromInjector[float]()

    def __init__(self, *chips: I2cChip) -> None:
        self.chips = {chip.address: chip for chip in chips}
        if len(self.chips) != len(chips):
            raise UsageError("two chips of a bus have the same address")
        self.happened = Happened[I2cTransfer]()
        self.faults = Injector(kinds=OF_TRANSFERS | {FaultKind.LATE})

    def plan(self) -> Plan:
        """Return the faults that are possible in the transfers so far."""
        return plan_accesses((transfer, _kinds(transfer)) for transfer in self.happened.events)

    @property
    def trace(self) -> list[I2cTransfer]:
        """The transfers up to this moment, in order. Raises DeviceError if a chip failed."""
        return self.happened.settled

    def forget(self) -> None:
        """Hide the transfers so far from `trace`."""
        self.happened.forget()

    # -- for the server ----------------------------------------------------------

    def delay_of(self, address: int) -> float:
        """Return for how many seconds the clock of the next transfer is stretched."""
        chip = self.chips.get(address)
        return self.faults.delay_s + (chip.stretch_s + chip.faults.delay_s if chip else 0.0)

    def write(self, address: int, data: bytes, ask: Callable[..., object]) -> bool:
        """Let a chip take bytes and return whether it acknowledged; `ask` runs its code."""
        chip = self._reach(address)
        arriving = data if chip is None else self._changed(chip, data)
        done = chip is not None
        # a lost write is acknowledged, but the chip does not see it
        if chip is not None and (arriving or not data):
            done = _asked(ask, "a write", chip.on_write, arriving) is not None
        self.happened.events.append(I2cWrite(address, data, done, self.happened.now))
        return done

    def read(self, address: int, count: int, ask: Callable[..., object]) -> bytes | None:
        """Read `count` bytes from a chip; None if it did not acknowledge. `ask` runs its code."""
        chip = self._reach(address)
        answer = None if chip is None else _asked(ask, "a read", chip.on_read, count)
        data = _fitting(answer, count)
        if data is not None and chip is not None:
            data = _fitting(self._changed(chip, data), count)
        self.happened.events.append(I2cRead(address, data or b"", data is not None, self.happened.now))
        return data

    def _reach(self, address: int) -> I2cChip | None:
        """Count a transfer and return its chip, None if there is none or the fault refuses the transfer."""
        chip = self.chips.get(address)
        is_taken = self.faults.takes()
        return chip if chip is not None and chip.faults.takes() and is_taken else None

    def _changed(self, chip: I2cChip, data: bytes) -> bytes:
        """Return a transfer's bytes as they arrive."""
        return self.faults.change(chip.faults.change(data))


def _asked(ask: Callable[..., object], what: str, call: Callable[..., object], given: object) -> object:
    """Call a chip's code and return its result, True in place of None; None if it refused or failed."""

    def acknowledging() -> object:
        try:
            answer = call(given)
        except Nack:
            return None
        return True if answer is None else answer

    return ask(what, acknowledging)


def _fitting(answer: object, count: int) -> bytes | None:
    """Return exactly `count` bytes of an answer; missing ones are 0xff, as on a line that is not driven."""
    return answer[:count].ljust(count, b"\xff") if isinstance(answer, bytes) else None


def _kinds(transfer: I2cTransfer) -> Iterator[FaultKind]:
    """Yield the possible faults of a transfer; none if no chip answered."""
    if not transfer.acknowledged:
        return
    if isinstance(transfer, I2cRead):
        yield from kinds_of_read(transfer.data)
    else:
        yield from kinds_of_write()
        # a single byte is the pointer, so that there is no data to lose
        if len(transfer.data) > 1:
            yield FaultKind.LOST_WRITE
    yield FaultKind.LATE
