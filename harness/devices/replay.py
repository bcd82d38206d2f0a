"""A device that replays a recording: reads return the recorded values.

A driver never repeats itself to the microsecond, so it may poll more or less often than in the recording.
Any other difference is its divergence, and from there on registers keep their last values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rustbed.devices.pci import PciDevice
from rustbed.devices.recording import Recording, Shape, require_bars
from rustbed.devices.trace import Access, Event, Interrupt, Read, Write, is_access, render_event


class Replay(PciDevice):
    """A device that replays a recording; `replay` creates it with ids and BARs."""

    vendor_id, device_id = 0, 0
    #: the recorded events
    recorded: Sequence[Event] = ()

    def __init__(self) -> None:
        self._next = 0
        self._last: Access | None = None
        self._values: dict[tuple[int, int, int], int] = {}
        #: the first thing that the driver did differently from the recording; None: nothing so far
        self.divergence: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the driver has made all recorded accesses."""
        return self.divergence is None and not any(is_access(event) for event in self.recorded[self._next :])

    def on_read(self, bar: int, offset: int, width: int) -> int:
        """Return the recorded value at this point."""
        value = self._take(Read(bar, offset, width, 0))
        where = (bar, offset, width)
        self._values[where] = self._values.get(where, 0) if value is None else value
        return self._values[where]

    def on_write(self, bar: int, offset: int, width: int, value: int) -> None:
        """Compare with the recorded write at this point."""
        self._take(Write(bar, offset, width, value))

    def _take(self, access: Access) -> int | None:
        """Advance in the recording; return the recorded value, None if the driver does something else."""
        if self.divergence is not None:
            return None
        expected = self._expected()
        if not _is_like(expected, access):
            if isinstance(access, Read) and self._last is not None and _is_like(self._last, access):
                # it polls more often
                return self._last.value
            # it polls less often
            while expected is not None and expected == self._last and isinstance(expected, Read):
                self._next += 1
                expected = self._expected()
        if expected is None or not _is_like(expected, access):
            self._diverge(access, expected)
            return None
        self._next += 1
        self._last = expected
        self._raise_interrupts()
        return expected.value

    def _expected(self) -> Access | None:
        """Return the next access of the recording."""
        while self._next < len(self.recorded) and not is_access(self.recorded[self._next]):
            self._next += 1
        event = self.recorded[self._next] if self._next < len(self.recorded) else None
        return event if isinstance(event, Read | Write) else None

    def _raise_interrupts(self) -> None:
        """Raise the interrupts that the recorded device raised before the next access."""
        for event in self.recorded[self._next :]:
            if is_access(event):
                return
            if isinstance(event, Interrupt):
                self.after(0, partial(self._pulse, event.vector))

    def _pulse(self, vector: int) -> None:
        self.raise_irq(vector)
        # a recording does not show what lowered the line
        self.lower_irq()

    def _diverge(self, access: Access, expected: Access | None) -> None:
        # the value of this read is unknown
        done = render_event(access).partition(" value" if isinstance(access, Read) else "\n")[0]
        wanted = render_event(expected) if expected else "nothing more"
        self.divergence = f"{done}, where the recording has: {wanted} (event {self._next + 1})"


def replay(recording: Recording, name: str = "Recorded") -> Replay:
    """Return a device that replays a recording. Raises UsageError if PCI cannot have such a device."""
    body = {
        "vendor_id": recording.vendor_id,
        "device_id": recording.device_id,
        "class_code": recording.class_code,
        "revision": recording.revision,
        "intx": recording.intx,
        "msi": recording.msi,
        "msix": recording.msix,
        "recorded": recording.events,
        **{f"bar{bar.index}": bar for bar in require_bars(recording)},
    }
    made = type(name, (Replay,), body)()
    assert isinstance(made, Replay)
    return made


def record(device: PciDevice, events: Sequence[Event]) -> Recording:
    """Return a recording of a device and its events."""
    bars = [Shape(index=bar.index, size=bar.size, bits=bar.bits, io=bar.io) for bar in device.declared_bars]
    return Recording(
        vendor_id=device.vendor_id,
        device_id=device.device_id,
        class_code=device.class_code,
        revision=device.revision,
        intx=device.intx,
        msi=device.msi,
        msix=device.msix,
        bars=tuple(bars),
        events=tuple(events),
    )


def _is_like(event: Event | None, access: Access) -> bool:
    """Whether an event is the same access, ignoring the value of a read."""
    if not isinstance(event, Read | Write) or type(event) is not type(access):
        return False
    same = (event.region, event.offset, event.width) == (access.region, access.offset, access.width)
    return same and (isinstance(event, Read) or event.value == access.value)
