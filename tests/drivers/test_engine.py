"""A driver that waits for DMA and an interrupt, and the device in Python that does both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Bar, Dma, Interrupt, PciDevice, Vm, Write

START = 1
SEEN = 1


class Engine(PciDevice):
    """Writes to memory when it is started, and interrupts."""

    vendor_id, device_id = 0x1B36, 0xCAFE
    regs = Bar(0, size=4096)
    control = regs.register(0x00)
    address = regs.register(0x04)
    seen = regs.register(0x08)

    def on_write_control(self, value: int) -> None:
        if value & START:
            self.dma_write(self.address + 4, b"\xef\xbe\xad\xde")
            self.raise_irq()


class MessageEngine(Engine):
    msi = 1


class VectorEngine(Engine):
    msix = 2


class LineEngine(Engine):
    intx = True

    def on_write_seen(self, _: int) -> None:
        self.lower_irq()


@pytest.mark.usefixtures("hotplug")
@pytest.mark.parametrize("kind", [MessageEngine, VectorEngine])
def test_driver_gets_memory_and_interrupt(
    vm: Vm, build_module: Callable[[str], Path], kind: type[Engine]
) -> None:
    run_engine(vm, build_module, kind)


@pytest.mark.usefixtures("hotplug")
def test_driver_gets_an_interrupt_by_a_line(vm: Vm, build_module: Callable[[str], Path]) -> None:
    run_engine(vm, build_module, LineEngine)


def run_engine(vm: Vm, build_module: Callable[[str], Path], kind: type[Engine]) -> None:
    device = kind()
    with vm.module(build_module("modules/engine")), vm.plugged(device):
        vm.wait_for(lambda: vm.log.matching("the engine wrote 0xdeadbeef"), "the interrupt")
        address = device.address
        writes = [Write(0, 0x04, 4, address), Write(0, 0x00, 4, START), Write(0, 0x08, 4, SEEN)]
        assert device.trace == writes
        happened = [event for event in device.events if isinstance(event, Dma | Interrupt)]
        assert happened == [Dma("write", address + 4, 4), Interrupt(0)]
