"""A device with everything, for tests of the server."""

from __future__ import annotations

from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar

START = 1
MASTER = b"\x04\0"


class Blinker(PciDevice):
    """A device with everything: registers, DMA, interrupts of each kind, things done later."""

    vendor_id, device_id = 0x1234, 0xCAFE
    intx, msi, msix = True, 4, 8
    regs = Bar(0, size=4096)
    control = regs.register(0x00)
    status = regs.register(0x04, read_only=True, reset=0x55)
    address = regs.register(0x08, width=8)
    boom = regs.register(0x10)

    def on_write_control(self, value: int) -> None:
        if value & START:
            self.dma_write(self.address, b"blink" * 2)
            self.raise_irq(2)

    def on_read_boom(self) -> int:
        raise KeyError("boom")

    def on_write_boom(self, value: int) -> None:
        self.after(0.01, lambda: self.raise_irq(value))
