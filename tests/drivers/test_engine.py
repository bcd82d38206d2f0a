"""A driver with a ring of descriptors, DMA and an interrupt, and the device in Python that does all three."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from struct import Struct

import pytest
from tests.drivers.conftest import MachineWith
from tests.drivers.forking import copied

from rustbed import (
    Bar,
    Dma,
    Fault,
    FaultKind,
    Interrupt,
    PciDevice,
    Read,
    SyscallError,
    Vm,
    Write,
    every_fault,
)

# address, sum, length, status
DESCRIPTOR = Struct("<QIHH")
DONE, REFUSED = 1, 2
SUM = "/sys/kernel/debug/engine/sum"
HANDLED = Write(0, 0x10, 4, 0)


class Engine(PciDevice):
    """Adds up the bytes that the descriptors of a ring point to."""

    vendor_id, device_id = 0x1B36, 0xCAFE
    msix = 1
    regs = Bar(0, size=4096)
    ring = regs.register(0x00, width=8)
    entries = regs.register(0x08, reset=8, read_only=True)
    tail = regs.register(0x0C)
    pending = regs.register(0x10)
    head = regs.register(0x14, read_only=True)

    status = DONE

    def on_write_ring(self, _: int) -> None:
        self.head = 0

    def on_write_tail(self, tail: int) -> None:
        while self.head != tail % self.entries:
            self.serve(self.ring + self.head * DESCRIPTOR.size)
            self.head = (self.head + 1) % self.entries
        self.pending = 1
        self.raise_irq()

    def serve(self, at: int) -> None:
        address, _, length, _ = DESCRIPTOR.unpack(self.dma_read(at, DESCRIPTOR.size))
        total = sum(self.dma_read(address, length))
        self.dma_write(at, DESCRIPTOR.pack(address, total, length, self.status))

    def on_write_pending(self, _: int) -> None:
        self.lower_irq()


class MessageEngine(Engine):
    msix = 0
    msi = 1


class LineEngine(Engine):
    msix = 0
    intx = True


def wait_for_handler(vm: Vm, engine: Engine) -> None:
    """Wait until the driver has answered the interrupt: it may have seen the sum in the ring before."""
    vm.wait_for(lambda: HANDLED in engine.trace, "the driver's handler")


def wait_for_probe(vm: Vm, engine: Engine) -> None:
    """Wait until the driver is bound; its file is the last that it makes."""
    vm.wait_log("1, 2 and 3 are 6 together")
    wait_for_handler(vm, engine)
    vm.wait_for(lambda: vm.run(f"test -e {SUM}").status == 0, "the driver's file")


@pytest.mark.parametrize("kind", [Engine, MessageEngine, LineEngine])
def test_driver_uses_the_ring(
    machine_with: MachineWith, build_module: Callable[[str], Path], kind: type[Engine]
) -> None:
    engine = kind()
    with machine_with(engine) as vm, vm.module(build_module("modules/engine")):
        wait_for_probe(vm, engine)
        ring = engine.ring
        # a line is still raised for a moment after the driver's answer: it may be asked once more
        assert [access for access in engine.trace if access != Read(0, 0x10, 4, 0)] == [
            Read(0, 0x08, 4, 8),
            Write(0, 0x00, 4, ring & 0xFFFFFFFF),
            Write(0, 0x04, 4, ring >> 32),
            Write(0, 0x0C, 4, 1),
            Read(0, 0x10, 4, 1),
            HANDLED,
        ]
        # five chunks, and then three, of which the last is at the ring's beginning
        for data, tail in ((b"\1" * 300, 6), (b"\2" * 192, 1)):
            engine.forget()
            vm.write(SUM, data)
            wait_for_handler(vm, engine)
            assert int(vm.read(SUM)) == sum(data)
            assert engine.tail == tail
        moved = [event for event in engine.events if isinstance(event, Dma)]
        chunks = moved[1].address - 6 * 64
        assert moved == [
            *(Dma("read", ring + 96, 16), Dma("read", chunks + 6 * 64, 64), Dma("write", ring + 96, 16)),
            *(Dma("read", ring + 112, 16), Dma("read", chunks + 7 * 64, 64), Dma("write", ring + 112, 16)),
            *(Dma("read", ring, 16), Dma("read", chunks, 64), Dma("write", ring, 16)),
        ]
        assert [event for event in engine.events if isinstance(event, Interrupt)] == [Interrupt(0)]
        engine.status = REFUSED
        with pytest.raises(SyscallError, match="Input/output error"):
            vm.write(SUM, b"\7")
        engine.status = DONE
        vm.write(SUM, b"\7")
        assert vm.read(SUM) == "7\n"


class DeafEngine(MessageEngine):
    """Does nothing about what it is told once it is deaf."""

    is_deaf = False

    def on_write_tail(self, tail: int) -> None:
        if not self.is_deaf:
            super().on_write_tail(tail)


@pytest.mark.usefixtures("hotplug")
def test_driver_lets_go_of_a_device_that_is_pulled_out_while_it_waits(
    vm: Vm, build_module: Callable[[str], Path]
) -> None:
    engine, status = DeafEngine(), "/tmp/status"
    with vm.module(build_module("modules/engine"), timeout_ms=2000):
        with vm.plugged(engine) as card:
            wait_for_probe(vm, engine)
            engine.is_deaf = True
            engine.forget()
            vm.check(f"(printf 1 >{SUM}; echo $? >{status}) >/dev/null 2>&1 &")
            vm.wait_for(lambda: engine.trace == [Write(0, 0x0C, 4, 2)], "the driver to tell the device")
            vm.unplug(card, surprise=True)
            assert len(vm.log.matching("Card not present")) == 1
            # whoever waited was told, or the kernel would not have let go
            vm.wait_for(lambda: vm.run(f"cat {status}").output.split() == ["1"], "the write to fail")
            assert vm.run(f"test -e {SUM}").status == 1
        # another one in the same slot
        with vm.plugged(another := MessageEngine()):
            wait_for_probe(vm, another)
            vm.write(SUM, b"\7")
            assert vm.read(SUM) == "7\n"


# number of the first access of the handler in a probe
HANDLER = 5
# these kinds leave a driver without an answer; `rustbed faults` tries all, which takes longer
SILENT = (FaultKind.GONE, FaultKind.ONES, FaultKind.NO_DMA, FaultKind.NO_INTERRUPT)


@pytest.mark.usefixtures("hotplug")
def test_driver_survives_a_device_that_fails_in_its_probe(
    vm: Vm, build_module: Callable[[str], Path]
) -> None:
    module = build_module("modules/engine")
    good = Engine()
    with copied(vm) as twin, twin.module(module), twin.plugged(good):
        wait_for_probe(twin, good)
        faults = [fault for fault in every_fault(good.events) if fault.kind in SILENT]
    assert {fault.at for fault in faults} == {1, 3, 4, 5, 6}
    for fault in faults:
        # a device of a busy host that answers may take longer, and then no handler runs
        timeout_ms = 200 if fault.at < HANDLER else 5000
        with vm.fork() as twin, twin.module(module, timeout_ms=timeout_ms):
            probe_with(twin, fault)


def probe_with(vm: Vm, fault: Fault) -> None:
    """Let the driver probe a device that has a fault."""
    engine = Engine()
    engine.fault = fault
    with vm.plugged(engine):
        vm.wait_log("1, 2 and 3 are 6 together|makes no sense|probe with driver engine failed")
        # the last access is the handler's, for which the probe need not wait
        vm.wait_for(lambda: engine.fault_happened, f"the fault: {fault}")
