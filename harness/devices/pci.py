"""The base class for PCI devices: an author's declarations and callbacks, DMA and interrupts.

Knows the device's registers, configuration space and trace; it gets its
connection to the guest when it is served. Single root I/O virtualisation is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from rustbed.devices import config_space, declared
from rustbed.devices.callbacks import check_callbacks
from rustbed.devices.config_space import Capability
from rustbed.devices.faults import STORM_S, Fault, Misbehaviour
from rustbed.devices.history import History
from rustbed.devices.line import Cut, Line, Unplugged
from rustbed.devices.messages import Irq
from rustbed.devices.plan import Plan, plan_faults
from rustbed.devices.registers import Bar, Contents, check_registers
from rustbed.devices.trace import (
    CONFIG,
    Access,
    Dma,
    Event,
    Interrupt,
    Noted,
    Read,
    Reset,
    Write,
    accesses,
    event_of,
)
from rustbed.errors import UsageError

T = TypeVar("T")
Self = TypeVar("Self", bound="PciDevice")
# bytes of an entry of the MSI-X table (PCI Local Bus Specification 3.0, 6.8.2)
_MSIX_ENTRY = 16


class PciDevice:
    """A PCI device; an author's class derives from it.

    The class declares the device by the attributes below, and by `Bar`s and their registers.
    Methods `on_read_NAME` and `on_write_NAME` are called for the register NAME. All methods run in one
    thread of the host, one after the other. Raises UsageError for a class with wrong declarations.
    """

    vendor_id: int
    device_id: int
    subsystem_vendor_id = 0
    subsystem_id = 0
    #: 24 bits: class, subclass, programming interface
    class_code = 0xFF0000
    revision = 0
    #: whether it has an interrupt pin, and its number of vectors of MSI and MSI-X
    intx = False
    msi = 0
    msix = 0
    #: whether it is a PCI Express device, with 4096 bytes of configuration space
    express = False
    #: further entries of the capability list
    capabilities: tuple[Capability, ...] = ()

    _declared: Mapping[int, Bar] = {}
    _msix_bar: int | None = None

    #: contents of the BARs, by index
    bars: Mapping[int, Contents]
    #: its fault, from the next time it is plugged in; None: it works
    fault: Fault | None = None
    #: whether its slot allows a surprise removal
    is_removable = False
    #: the configuration space
    config: config_space.ConfigSpace
    _line: Line
    _events: History[Event | Noted]
    _sizes: dict[int, int]
    _misbehaviour: Misbehaviour
    #: time.monotonic() when it was created; the times of its events count from there
    began: float

    def __init_subclass__(cls) -> None:
        """Check what the class declares."""
        found = {name: value for kind in reversed(cls.__mro__) for name, value in vars(kind).items()}
        bars = [value for value in found.values() if isinstance(value, Bar)]
        cls._declared = declared.by_index(cls.__name__, bars)
        for bar in cls._declared.values():
            check_registers(cls.__name__, bar)
        registers = {register.name: register for bar in bars for register in bar.registers}
        check_callbacks(cls.__name__, found, {name: not each.read_only for name, each in registers.items()})
        declared.check_ids(cls)
        cls._msix_bar = declared.free_index(cls.__name__, cls._declared) if cls.msix else None

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Create a device; in __new__, so that an author's __init__ need not call super()."""
        self = super().__new__(cls)
        kind = type(self)
        bars = dict(kind._declared)
        if kind._msix_bar is not None:
            size = max(4096, 1 << (2 * _MSIX_ENTRY * kind.msix - 1).bit_length())
            bars[kind._msix_bar] = Bar(kind._msix_bar, size=size, memory=True)
        self.bars = {index: declared.contents(self, bar) for index, bar in bars.items()}
        self.config = config_space.lay_out(
            declared.identity(kind), bars.values(), declared.capabilities(kind, bars), express=kind.express
        )
        self._line = Unplugged()
        self._misbehaviour = Misbehaviour(None)
        self._events = History()
        self._sizes = self._measure()
        self.began = time.monotonic()
        for contents in self.bars.values():
            contents.reset()
        return self

    # -- for an author to write --------------------------------------------------

    def on_read(self, bar: int, offset: int, width: int) -> int:
        """Return the value of a read that touches no register."""
        return 0

    def on_write(self, bar: int, offset: int, width: int, value: int) -> None:
        """Handle a write that touches no register."""

    def on_reset(self) -> None:
        """Restore the state after power-on; the registers are already reset."""

    # -- for an author to use ----------------------------------------------------

    def dma_read(self, address: int, count: int) -> bytes:
        """Read the guest's memory; returns all-ones while the driver has not enabled bus mastering.

        Raises UsageError if the guest has no memory there, unless a fault of the device has happened.
        """
        data = self._move("read", address, count, lambda: self._line.read_memory(address, count))
        return b"\xff" * count if data is None else data

    def dma_write(self, address: int, data: bytes) -> None:
        """Write to the guest's memory; does nothing while the driver has not enabled bus mastering.

        Raises UsageError as `dma_read` does.
        """
        self._move("write", address, len(data), lambda: self._line.write_memory(address, data))

    def raise_irq(self, vector: int = 0) -> None:
        """Raise an interrupt: MSI-X or MSI if the driver has enabled it, else INTx until `lower_irq`."""
        if self._misbehaviour.delay_s:
            self.after(self._misbehaviour.delay_s, lambda: self._raise(vector))
        else:
            self._raise(vector)

    def _raise(self, vector: int) -> None:
        count = self._misbehaviour.interrupts
        delivered = count > 0 and self._line.raise_irq(vector)
        self._events.append(Interrupt(vector, delivered, self.now()))
        for number in range(1, count):
            self.after(number * STORM_S, lambda: self._line.raise_irq(vector))

    def lower_irq(self) -> None:
        """Release the INTx line."""
        self._line.lower_irq()

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function later, between two accesses; for work that takes the device some time."""
        self._line.after(seconds, call)

    @property
    def fault_happened(self) -> bool:
        """Whether the driver has made the access at which the device's fault happens, up to this moment."""
        self._line.settle()
        return self._misbehaviour.happened

    def plan(self) -> Plan:
        """Return the faults that are possible in the events so far."""
        return plan_faults([event_of(noted) for noted in self._events], removable=self.is_removable)

    # -- for a test to look at ---------------------------------------------------

    @property
    def events(self) -> list[Event]:
        """All events up to this moment, in order: accesses, interrupts, DMA, resets."""
        self._line.settle()
        return self.history

    @property
    def history(self) -> list[Event]:
        """The events known so far; works for a device that failed, too."""
        return [event_of(noted) for noted in self._events.visible]

    @property
    def trace(self) -> list[Access]:
        """The accesses to the BARs up to this moment, in order."""
        return accesses(self.events)

    def forget(self) -> None:
        """Hide the events so far from `events` and `trace`."""
        self._line.settle()
        self._events.forget()

    # -- for the server ----------------------------------------------------------

    def connect(self, line: Line) -> None:
        """Connect to the guest; accesses of a fault count from here."""
        self._line = line
        self._misbehaviour = Misbehaviour(self.fault)
        self.is_removable = False
        self._sizes = self._measure()

    def disconnect(self) -> None:
        """Disconnect from the guest."""
        self._line = Unplugged()

    def size_of(self, region: int) -> int:
        """Return the bytes of a region, 0 if the device lacks it."""
        return self._sizes.get(region, 0)

    def _measure(self) -> dict[int, int]:
        """Return the bytes of each region."""
        # not the BAR with the MSI-X table, which QEMU itself reads
        small = set(self.bars) - {type(self)._msix_bar} if self._misbehaviour.has_small_bars else ()
        sizes = {index: bar.bar.least if index in small else bar.bar.size for index, bar in self.bars.items()}
        return {**sizes, CONFIG: len(self.config.data)}

    def read(self, region: int, offset: int, count: int) -> bytes:
        """Return the bytes that a read of a region gives. The caller has checked the range."""
        data = self.config.read(offset, count) if region == CONFIG else self.bars[region].read(offset, count)
        data = self._misbehaviour.reads(region, offset, data)
        value = int.from_bytes(data, "little")
        self._events.append((Read, region, offset, count, value, time.monotonic() - self.began))
        return data

    def write(self, region: int, offset: int, data: bytes) -> None:
        """Write to a region. The caller has checked the range."""
        value = int.from_bytes(data, "little")
        self._events.append((Write, region, offset, len(data), value, time.monotonic() - self.began))
        if not self._misbehaviour.takes_write(region):
            return
        if region == CONFIG:
            self.config.write(offset, data)
        else:
            self.bars[region].write(offset, data)

    def reset(self) -> None:
        """Restore the state after power-on."""
        self._events.append(Reset(self.now()))
        if not self._misbehaviour.resets:
            return
        self.config.reset()
        for contents in self.bars.values():
            contents.reset()
        self.lower_irq()
        self.on_reset()

    @property
    def interrupts(self) -> dict[Irq, int]:
        """The number of interrupts by kind; QEMU requires the last two kinds of every device."""
        return {Irq.INTX: int(self.intx), Irq.MSI: self.msi, Irq.MSIX: self.msix, Irq.ERR: 1, Irq.REQ: 1}

    @property
    def declared_bars(self) -> tuple[Bar, ...]:
        """The BARs that its class declares, without the one for MSI-X."""
        return tuple(type(self)._declared.values())

    @property
    def idle_s(self) -> float:
        """Seconds since the last event."""
        return self.now() - (event_of(self._events[-1]).at if self._events else 0.0)

    def now(self) -> float:
        """Return the time for an event of this moment."""
        return time.monotonic() - self.began

    def _move(self, way: str, address: int, count: int, move: Callable[[], T]) -> T | None:
        """Do a DMA transfer and return its result; None if the bus does not accept it."""
        allowed = bool(self.config.command & config_space.MASTER) and self._misbehaviour.reaches_memory
        event = Dma(way, address, count, allowed, self.now())
        self._events.append(event)
        if not allowed:
            return None
        try:
            return move()
        except (Cut, UsageError) as error:
            # a fault may have changed the address, so this is not an error of the device's code
            if isinstance(error, UsageError) and not self._misbehaviour.happened:
                raise
        self._events[:] = [replace(event, allowed=False) if each is event else each for each in self._events]
        return None
