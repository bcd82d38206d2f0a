"""A device's interrupts: raises them by the event descriptors that QEMU gave.

Owns the descriptors. QEMU delivers the interrupt to the guest.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence

from rustbed.devices.messages import Irq, IrqFlag, IrqSet

_ACTIONS = (IrqFlag.MASK, IrqFlag.UNMASK, IrqFlag.TRIGGER)
_DATA = (IrqFlag.NONE, IrqFlag.BOOL, IrqFlag.EVENTFD)


class Interrupts:
    """The interrupts of one device: how many of each kind, and their event descriptors."""

    def __init__(self, counts: Mapping[Irq, int]) -> None:
        #: interrupts by kind
        self.counts = counts
        self._events: dict[Irq, dict[int, int]] = {kind: {} for kind in Irq}
        #: whether the device holds its INTx line
        self.asserted = False

    def set(self, wanted: IrqSet, data: bytes, descriptors: Sequence[int]) -> None:
        """Carry out SET_IRQS; keeps copies of the descriptors, which the caller closes.

        Raises OSError: EINVAL for interrupts that the device lacks, and for an invalid message.
        """
        action, kind_of_data = _meaning(wanted)
        if wanted.number >= len(Irq) or wanted.start + wanted.total > self.counts[Irq(wanted.number)]:
            raise OSError(errno.EINVAL, f"the device has no such interrupts: {wanted}")
        numbers: Sequence[int] = range(wanted.start, wanted.start + wanted.total)
        if kind_of_data is IrqFlag.BOOL:
            if len(data) != wanted.total:
                raise OSError(errno.EINVAL, f"{len(data)} bytes for {wanted}")
            numbers = [number for number, chosen in zip(numbers, data, strict=True) if chosen]
        kind = Irq(wanted.number)
        if action is IrqFlag.TRIGGER:
            self._set_trigger(kind, numbers, kind_of_data, descriptors)
        elif action is IrqFlag.UNMASK and kind is Irq.INTX and self.asserted:
            # the line is level-triggered and still asserted
            self._signal(kind, 0)

    def _set_trigger(
        self, kind: Irq, numbers: Sequence[int], kind_of_data: IrqFlag, descriptors: Sequence[int]
    ) -> None:
        if kind_of_data is IrqFlag.EVENTFD:
            if len(descriptors) not in (0, len(numbers)):
                raise OSError(errno.EINVAL, f"{len(descriptors)} descriptors for {len(numbers)} interrupts")
            for place, number in enumerate(numbers):
                self._forget(kind, number)
                if descriptors:
                    self._events[kind][number] = os.dup(descriptors[place])
        elif kind_of_data is IrqFlag.NONE and not numbers:
            # a count of zero disables the whole kind
            for number in list(self._events[kind]):
                self._forget(kind, number)
        else:
            for number in numbers:
                self._signal(kind, number)

    def _forget(self, kind: Irq, number: int) -> None:
        descriptor = self._events[kind].pop(number, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Forget all descriptors."""
        for kind, events in self._events.items():
            for number in list(events):
                self._forget(kind, number)

    @property
    def kind(self) -> Irq | None:
        """The kind of interrupts that the guest has enabled, None if it has none enabled."""
        return next((kind for kind in (Irq.MSIX, Irq.MSI, Irq.INTX) if self._events[kind]), None)

    def raise_(self, vector: int) -> bool:
        """Raise an interrupt of the kind that the guest has enabled; return whether it was delivered."""
        kind = self.kind
        if kind in (None, Irq.INTX):
            self.asserted = True
            vector = 0
        return kind is not None and self._signal(kind, vector)

    def _signal(self, kind: Irq, number: int) -> bool:
        descriptor = self._events[kind].get(number)
        if descriptor is None:
            return False
        try:
            os.eventfd_write(descriptor, 1)
        except BlockingIOError:
            # the counter is full, so that it is signalled already
            return True
        return True


def _meaning(wanted: IrqSet) -> tuple[IrqFlag, IrqFlag]:
    """Return the action and the kind of its data. Raises OSError unless there is one of each."""
    actions = [flag for flag in _ACTIONS if wanted.flags & flag]
    data = [flag for flag in _DATA if wanted.flags & flag]
    if len(actions) != 1 or len(data) != 1 or wanted.flags >= 64:
        raise OSError(errno.EINVAL, f"flags {wanted.flags:#x} of SET_IRQS")
    return actions[0], data[0]
