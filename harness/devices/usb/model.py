"""The base class for USB devices: an author's declarations and callbacks, and transfers to the guest.

Knows the device's descriptors, endpoints and trace; it gets its connection to the guest when it is served.
"""

from __future__ import annotations

import time
from typing import Any, Protocol, TypeVar

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.history import History
from rustbed.devices.injector import FromInjector, Injector
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.devices.stream import unplugged
from rustbed.devices.usb import descriptors
from rustbed.devices.usb.descriptors import Endpoint, Speed
from rustbed.devices.usb.events import (
    Configured,
    Control,
    Moved,
    Plug,
    UsbEvent,
    transfers,
    without_enumeration,
)
from rustbed.errors import UsageError

Self = TypeVar("Self", bound="UsbDevice")
# bRequest of standard requests (table 9-4), and the feature ENDPOINT_HALT
_GET_STATUS, _CLEAR_FEATURE, _SET_FEATURE, _GET_DESCRIPTOR = 0, 1, 3, 6
_TO_ENDPOINT, _ENDPOINT_HALT = 0x02, 0


class Stall(Exception):  # noqa: N818 - the word of the specification
    """An endpoint refuses a transfer; raised by an author's methods. Endpoints other than 0 halt then."""


class Cable(Protocol):
    """The connection of a served device to the guest."""

    def plug(self, inserted: bool) -> None:
        """Plug the device in or out."""

    def send(self, endpoint: int, data: bytes) -> None:
        """Queue bytes at an endpoint until the guest asks for them."""

    def settle(self) -> None:
        """Wait until everything that the guest has sent was served. Raises DeviceError."""


class UsbDevice:
    """A USB device; an author's class derives from it.

    All methods run in one thread of the host, one after the other. Raises UsageError for a class
    with wrong declarations. There are no isochronous endpoints and no streams.
    """

    vendor_id: int
    product_id: int
    #: in binary-coded decimal
    version = 0x0100
    #: class, subclass and protocol of its interface
    interface_class = (0xFF, 0, 0)
    speed = Speed.HIGH
    #: besides endpoint 0
    endpoints: tuple[Endpoint, ...] = ()
    manufacturer = ""
    product = ""
    serial_number = ""
    #: its fault, counted in its transfers from now on; None: it works
    fault = FromInjector[Fault | None]()
    #: whether the guest has made the transfer at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since the last event
    idle_s = FromInjector[float]()

    _cable: Cable | None
    _events: History[UsbEvent]
    _halted: set[int]
    faults: Injector
    #: time.monotonic() when it was created; the times of its events count from there
    began: float

    def __init_subclass__(cls) -> None:
        """Check what the class declares."""
        for name in ("vendor_id", "product_id", "version"):
            value = getattr(cls, name, None)
            if not isinstance(value, int) or not 0 <= value < 1 << 16:
                raise UsageError(f"{cls.__name__}: {name} is {value!r}", wanted="a number of 16 bits")
        descriptors.check_endpoints(cls.__name__, cls.endpoints)

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Create a device; in __new__, so that an author's __init__ need not call super()."""
        self = super().__new__(cls)
        self._cable = None
        self._events = History()
        self._halted = set()
        self.faults = Injector()
        self.began = time.monotonic()
        return self

    # -- for an author to write --------------------------------------------------

    def on_control(self, request: Control) -> bytes:
        """Return the answer to a request of the class or vendor. Raise `Stall` to refuse it."""
        raise Stall

    def on_out(self, endpoint: int, data: bytes) -> None:
        """Handle bytes that the guest sends to an endpoint. Raise `Stall` to refuse them."""

    def on_in(self, endpoint: int, count: int) -> bytes | None:
        """Return up to `count` bytes when the guest reads a bulk endpoint; None: they will come by `send`."""
        return None

    def on_configured(self, number: int) -> None:
        """Handle the guest's choice of a configuration."""

    # -- for an author and a test to use -----------------------------------------

    def send(self, endpoint: int, data: bytes) -> None:
        """Send bytes of an IN endpoint, at once or when the guest asks. Raises UsageError for others."""
        if endpoint not in {each.address for each in self.endpoints if each.address & descriptors.IN}:
            raise UsageError(
                f"{type(self).__name__} has no endpoint {endpoint:#x} that sends bytes to the host"
            )
        self._require_cable().send(endpoint, data)

    def disconnect(self) -> None:
        """Unplug the device from its controller. Raises UsageError if the device is in no machine."""
        self._require_cable().plug(False)

    def connect(self) -> None:
        """Plug the device in again. Raises UsageError if the device is in no machine."""
        self._require_cable().plug(True)

    @property
    def events(self) -> list[UsbEvent]:
        """All events up to this moment, in order. Raises DeviceError if the device failed."""
        if self._cable is not None:
            self._cable.settle()
        return self.history

    @property
    def history(self) -> list[UsbEvent]:
        """The events known so far; works for a device that failed, too."""
        return self._events.visible

    @property
    def trace(self) -> list[Control | Moved]:
        """The transfers of the driver, without those of the kernel's USB core."""
        return without_enumeration(self.events)

    def forget(self) -> None:
        """Hide the events so far from `events` and `trace`."""
        if self._cable is not None:
            self._cable.settle()
        self._events.forget()

    def plan(self) -> Plan:
        """Return the faults that are possible in the events so far."""
        return plan_accesses(transfers(self._events))

    def take(self) -> None:
        """Count a transfer that is about to end. Raises Stall if the fault refuses it."""
        if self.faults.takes():
            return
        if self.fault is not None and self.fault.kind is FaultKind.GONE:
            self.disconnect()
        raise Stall

    # -- for the server ----------------------------------------------------------

    def connect_to(self, cable: Cable | None) -> None:
        """Set the connection to the guest; None: there is no guest."""
        self._cable = cable

    def now(self) -> float:
        """Return the time for an event of this moment."""
        return time.monotonic() - self.began

    def note(self, event: UsbEvent) -> None:
        """Keep an event."""
        self._events.append(event)
        self.faults.touch()
        if isinstance(event, Plug):
            self._halted.clear()

    def control(self, request: Control) -> bytes:
        """Answer a request. Raises Stall if it is refused."""
        self.take()
        given = self._standard(request) if request.is_standard else self.on_control(request)
        return self.faults.change(given) if request.is_in and isinstance(given, bytes) else given

    def configure(self, number: int) -> None:
        """Handle the guest's choice of a configuration. Raises Stall."""
        self._halted.clear()
        self.take()
        self.note(Configured(number, self.now()))
        self.on_configured(number)

    def take_out(self, endpoint: int, data: bytes) -> None:
        """Handle bytes from the guest. Raises Stall."""
        self._halting(endpoint, self.on_out, endpoint, data)

    def ask_in(self, endpoint: int, count: int) -> bytes | None:
        """Ask the device's code for bytes for the guest, None if it has none now. Raises Stall."""
        if endpoint not in self._halted:
            try:
                return self.on_in(endpoint, count)
            except Stall:
                self._halted.add(endpoint)
        self.take()
        raise Stall

    def give_in(self, endpoint: int, data: bytes) -> bytes:
        """Return bytes for the guest as they arrive there, after any fault. Raises Stall."""
        given: bytes = self._halting(endpoint, self.faults.change, data)
        return given

    def _halting(self, endpoint: int, call: Any, *arguments: object) -> Any:
        """Count a transfer and return the result of `call`; an endpoint that refuses halts."""
        try:
            self.take()
            if endpoint in self._halted:
                raise Stall
            return call(*arguments)
        except Stall:
            self._halted.add(endpoint)
            raise

    def _standard(self, request: Control) -> bytes:
        to_endpoint = request.request_type & 0x1F == _TO_ENDPOINT
        if request.request == _GET_DESCRIPTOR:
            return self._descriptor(request.value >> 8, request.value & 0xFF)
        if request.request == _GET_STATUS:
            return bytes((to_endpoint and request.index in self._halted, 0))
        if request.request not in (_CLEAR_FEATURE, _SET_FEATURE):
            raise Stall
        if to_endpoint and request.value == _ENDPOINT_HALT:
            change = self._halted.add if request.request == _SET_FEATURE else self._halted.discard
            change(request.index)
        return b""

    def _descriptor(self, kind: int, number: int) -> bytes:
        strings = (self.manufacturer, self.product, self.serial_number)
        found: bytes | None = None
        if kind == descriptors.DEVICE:
            found = descriptors.render_device(self.vendor_id, self.product_id, self.version, strings)
        elif kind == descriptors.CONFIGURATION and number == 0:
            found = descriptors.render_configuration(self.interface_class, self.endpoints)
        elif kind == descriptors.STRING:
            found = descriptors.render_string(strings, number)
        if found is None:
            raise Stall
        return found

    def _require_cable(self) -> Cable:
        if self._cable is None:
            raise unplugged()
        return self._cable
