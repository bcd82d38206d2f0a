"""Interrupts of a served device, and what it does later."""

from __future__ import annotations

from tests.edge.devices.blinker import Blinker
from tests.edge.devices.peer import connected, signalled
from tests.processes import wait_until

from rustbed.devices.messages import Irq, IrqFlag
from rustbed.devices.trace import Interrupt


def test_interrupt_goes_the_way_that_the_guest_enabled_last() -> None:
    device = Blinker()
    with connected(device) as peer:
        device.raise_irq(2)
        device.lower_irq()
        intx = peer.enable_irqs(Irq.INTX, 1)
        device.raise_irq(2)
        vectors = peer.enable_irqs(Irq.MSIX, 8)
        device.raise_irq(2)
        peer.set_irqs(Irq.MSIX, IrqFlag.NONE | IrqFlag.TRIGGER, 0, 0)
        device.raise_irq(2)
        assert ([signalled(event) for event in intx], [signalled(event) for event in vectors]) == (
            [2],
            [0, 0, 1, 0, 0, 0, 0, 0],
        )
        assert device.events == [Interrupt(2, delivered=False), Interrupt(2), Interrupt(2), Interrupt(2)]


def test_intx_comes_again_until_it_is_lowered() -> None:
    device = Blinker()
    unmask = (Irq.INTX, IrqFlag.NONE | IrqFlag.UNMASK, 0, 1)
    with connected(device) as peer:
        (line,) = peer.enable_irqs(Irq.INTX, 1)
        device.raise_irq()
        peer.set_irqs(*unmask)
        # the status register shows the line (PCI Local Bus Specification 3.0, 6.2.3)
        held = peer.read(7, 6, 2) & 8
        device.lower_irq()
        peer.set_irqs(*unmask)
        assert (signalled(line), held, peer.read(7, 6, 2) & 8) == (2, 8, 0)


def test_vector_without_descriptor_is_lost() -> None:
    device = Blinker()
    with connected(device) as peer:
        vectors = peer.enable_irqs(Irq.MSIX, 8)
        peer.set_irqs(Irq.MSIX, IrqFlag.EVENTFD | IrqFlag.TRIGGER, 2, 1)
        device.raise_irq(2)
        device.raise_irq(3)
        assert ([signalled(event) for event in vectors[2:4]], device.events) == (
            [0, 1],
            [Interrupt(2, delivered=False), Interrupt(3)],
        )


def test_client_may_trigger_an_interrupt_itself() -> None:
    with connected(Blinker()) as peer:
        vectors = peer.enable_irqs(Irq.MSIX, 8)
        peer.set_irqs(Irq.MSIX, IrqFlag.BOOL | IrqFlag.TRIGGER, 1, 3, data=b"\1\0\1")
        peer.set_irqs(Irq.MSIX, IrqFlag.NONE | IrqFlag.TRIGGER, 7, 1)
        assert [signalled(event) for event in vectors] == [0, 1, 0, 1, 0, 0, 0, 1]


def test_what_is_done_later_is_done_without_a_message() -> None:
    device = Blinker()
    with connected(device) as peer:
        vectors = peer.enable_irqs(Irq.MSIX, 8)
        peer.post(0, 0x10, 4, 5)
        wait_until(lambda: signalled(vectors[5]) > 0, "the interrupt never came")
