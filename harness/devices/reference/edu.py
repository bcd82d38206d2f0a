"""QEMU's edu: a factorial, an interrupt, and DMA to and from a buffer of the device.

Source: docs/specs/edu.rst and hw/misc/edu.c in QEMU's sources.
"""

from __future__ import annotations

import math

from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar

# status
COMPUTING, IRQ_FACTORIAL = 0x01, 0x80
# interrupt status
FACTORIAL_DONE, DMA_DONE = 0x001, 0x100
# dma_command
RUN, TO_MEMORY, DMA_IRQ = 0x1, 0x2, 0x4
# address of the buffer in the device's own address space
BUFFER, BUFFER_SIZE = 0x40000, 4096
# seconds that a transfer takes
_DMA_S = 0.1
# the factorials from this number on are 0 modulo 2**32
_VANISHES = 34


class Edu(PciDevice):
    """QEMU's device for courses on writing drivers.

    Unlike QEMU's, it accepts writes to its DMA registers during a transfer, raises for a
    transfer outside of its buffer, resets its registers with the machine, and keeps the upper
    half of a 64-bit register when that is accessed alone.
    """

    vendor_id, device_id = 0x1234, 0x11E8
    subsystem_vendor_id, subsystem_id = 0x1AF4, 0x1100
    class_code, revision = 0x00FF00, 0x10
    intx, msi = True, 1
    regs = Bar(0, size=1 << 20)
    identification = regs.register(0x00, reset=0x010000ED, read_only=True)
    liveness = regs.register(0x04)
    factorial = regs.register(0x08)
    status = regs.register(0x20)
    irq_status = regs.register(0x24, read_only=True)
    irq_raise = regs.register(0x60)
    irq_acknowledge = regs.register(0x64)
    dma_source = regs.register(0x80, width=8)
    dma_destination = regs.register(0x88, width=8)
    dma_count = regs.register(0x90, width=8)
    dma_command = regs.register(0x98, width=8)

    def __init__(self, dma_mask: int = (1 << 28) - 1) -> None:
        self.dma_mask = dma_mask
        self.buffer = bytearray(BUFFER_SIZE)
        self.computing = False

    def on_reset(self) -> None:
        """Empty the buffer, and end a calculation in progress; a transfer ends with its register."""
        self.buffer = bytearray(BUFFER_SIZE)
        self.computing = False

    def on_read(self, bar: int, offset: int, width: int) -> int:
        """Return all-ones where there is no register."""
        return (1 << (8 * width)) - 1

    def on_write_liveness(self, value: int) -> None:
        """Store the inverse of the value."""
        self.liveness = ~value

    def on_write_factorial(self, value: int) -> None:
        """Begin to compute the factorial."""
        self.computing = True
        self.after(0, self._compute)

    def _compute(self) -> None:
        if not self.computing:
            return
        value = self.factorial
        self.factorial = 0 if value >= _VANISHES else math.factorial(value)
        self.computing = False
        if self.status & IRQ_FACTORIAL:
            self._interrupt(FACTORIAL_DONE)

    def on_read_status(self) -> int:
        """Return the status, with the bit for a running computation."""
        return self.status | (COMPUTING if self.computing else 0)

    def on_write_status(self, value: int) -> None:
        """Store whether to interrupt when a factorial is done; the other bits are read-only."""
        self.status = value & IRQ_FACTORIAL

    def on_write_irq_raise(self, value: int) -> None:
        """Interrupt for the reasons written."""
        self._interrupt(value)

    def on_write_irq_acknowledge(self, value: int) -> None:
        """Clear reasons to interrupt."""
        self.irq_status &= ~value
        if not self.irq_status:
            self.lower_irq()

    def on_read_irq_raise(self) -> int:
        """Return all-ones, because the register is write-only."""
        return 0xFFFFFFFF

    on_read_irq_acknowledge = on_read_irq_raise

    def _interrupt(self, reasons: int) -> None:
        self.irq_status |= reasons
        if self.irq_status:
            self.raise_irq()

    def on_write_dma_command(self, value: int) -> None:
        """Begin a transfer."""
        if value & RUN:
            self.after(_DMA_S, self._transfer)

    def _transfer(self) -> None:
        command, count = self.dma_command, self.dma_count
        if not command & RUN:
            return
        if command & TO_MEMORY:
            start = self._place(self.dma_source, count)
            self.dma_write(self.dma_destination & self.dma_mask, bytes(self.buffer[start : start + count]))
        else:
            start = self._place(self.dma_destination, count)
            self.buffer[start : start + count] = self.dma_read(self.dma_source & self.dma_mask, count)
        self.dma_command = command & ~RUN
        if command & DMA_IRQ:
            self._interrupt(DMA_DONE)

    @staticmethod
    def _place(address: int, count: int) -> int:
        if not BUFFER <= address <= address + count <= BUFFER + BUFFER_SIZE:
            raise ValueError(f"the driver wants {count} bytes at {address:#x}, where edu has no buffer")
        return address - BUFFER
