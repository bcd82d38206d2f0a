"""An SPI bus with chips: transfers, and their trace. Knows no machine and no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.injector import OF_TRANSFERS, FromInjector, Injector, kinds_of_read, kinds_of_write
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.devices.vhost.happened import Happened
from rustbed.errors import UsageError

# chip selects of a bus; the driver's number of them is a byte
_SELECTS = range(255)


class SpiMode(IntFlag):
    """How a transfer is clocked. The numbers are virtio's, and Linux'."""

    CPHA = 1
    CPOL = 2
    CS_HIGH = 4
    LSB_FIRST = 8
    LOOP = 16


# positional, as the events of other devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class SpiTransfer:
    """The driver sent bytes to a chip while it received as many; b"" where it looks at one side only."""

    sent: bytes = b""
    received: bytes = b""
    select: int = 0
    # whether the controller answered with an error
    refused: bool = False
    mode: SpiMode = field(default=SpiMode(0), compare=False, repr=False)
    # seconds since the bus was made
    at: float = field(default=0.0, compare=False, repr=False)


class SpiChip:
    """An SPI chip; an author's class derives from it. All methods run in one thread of the host."""

    #: number of its chip select
    select = 0

    def on_transfer(self, sent: bytes) -> bytes:
        """Return the bytes of the chip's side; zeros are sent to it if the driver only reads.

        One message of a driver can be several transfers. When a message ends is not said: the
        virtio driver of Linux 7.3 does not tell the device.
        """
        raise NotImplementedError(f"{type(self).__name__} has no on_transfer()")


class SpiBus:
    """A bus with these chips. Raises UsageError if two have the same chip select."""

    #: its fault, counted in its transfers from now on; None: it works
    fault = FromInjector[Fault | None]()
    #: whether the driver has made the transfer at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since the last transfer
    idle_s = FromInjector[float]()
    #: what the controller supports beside the mode 0
    supports = SpiMode.CPHA | SpiMode.CPOL | SpiMode.CS_HIGH | SpiMode.LSB_FIRST

    def __init__(self, *chips: SpiChip) -> None:
        self.chips = {chip.select: chip for chip in chips}
        if len(self.chips) != len(chips):
            raise UsageError("two chips of a bus have the same chip select")
        self.happened = Happened[SpiTransfer]()
        self.faults = Injector(kinds=OF_TRANSFERS | {FaultKind.LATE})
        for chip in chips:
            if chip.select not in _SELECTS:
                raise UsageError(f"{type(chip).__name__}: chip select {chip.select!r}", wanted="0 to 254")

    def plan(self) -> Plan:
        """Return the faults that are possible in the transfers so far."""
        return plan_accesses((transfer, _kinds(transfer)) for transfer in self.happened.events)

    @property
    def trace(self) -> list[SpiTransfer]:
        """The transfers up to this moment, in order. Raises DeviceError if a chip failed."""
        return self.happened.settled

    def forget(self) -> None:
        """Hide the transfers so far from `trace`."""
        self.happened.forget()

    # -- for the server ----------------------------------------------------------

    @property
    def selects(self) -> int:
        """The number of chip selects."""
        return max(self.chips, default=0) + 1

    def transfer(
        self, select: int, sent: bytes, count: int, mode: SpiMode, ask: Callable[..., object]
    ) -> bytes | None:
        """Transfer bytes and return the `count` that the driver wants, None if it is refused.

        `ask` runs an author's code. Without a chip at that chip select nothing drives the line.
        """
        chip = self.chips.get(select)
        is_taken = self.faults.takes()
        # a write that is lost, or cut short, reaches the chip as zeros
        arriving = (self.faults.change(sent) if sent and not count else sent).ljust(count or len(sent), b"\0")
        answer = ask("a transfer", chip.on_transfer, arriving) if chip is not None and is_taken else b""
        data = _fitting(answer, count)
        if is_taken and count:
            data = _fitting(self.faults.change(data), count)
        received = data if is_taken else b""
        self.happened.events.append(
            SpiTransfer(sent, received, select, not is_taken, mode, self.happened.now)
        )
        return data if is_taken else None


def _fitting(answer: object, count: int) -> bytes:
    """Return exactly `count` bytes of an answer; missing ones are 0xff, as on a line that is not driven."""
    return answer[:count].ljust(count, b"\xff") if isinstance(answer, bytes) else b"\xff" * count


def _kinds(transfer: SpiTransfer) -> Iterator[FaultKind]:
    """Yield the possible faults of a transfer; none if it was refused."""
    if transfer.refused:
        return
    if transfer.received:
        yield from kinds_of_read(transfer.received)
    else:
        yield from kinds_of_write()
        yield FaultKind.LOST_WRITE
    yield FaultKind.LATE
