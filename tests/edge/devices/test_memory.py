"""The guest's memory as a served device reaches it: mapped, or by messages."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest
from tests.edge.devices.blinker import START, Blinker
from tests.edge.devices.peer import connected, failing, shared_memory
from tests.processes import wait_until

from rustbed.devices import messages
from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.layouts import pack, unpack
from rustbed.devices.messages import Command
from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar
from rustbed.devices.trace import Dma


def test_shared_memory_is_written_in_place() -> None:
    device, memory = Blinker(), shared_memory(8192)
    with connected(device) as peer:
        peer.map(0x10000, 8192, descriptor=memory)
        peer.write(7, 4, 2, 4)
        peer.write(0, 8, 8, 0x10FFE)
        peer.write(0, 0, 4, START)
        assert os.pread(memory, 10, 0xFFE) == b"blinkblink"
        assert Dma("write", 0x10FFE, 10) in device.events
    os.close(memory)


def test_memory_that_is_not_shared_is_reached_by_messages() -> None:
    device, memory = Blinker(), bytearray(0x2000)

    def serve_dma(header: messages.Header, body: bytes) -> bytes:
        dma, data = unpack(messages.Dma, body)
        if header.command == Command.DMA_WRITE:
            memory[dma.address : dma.address + dma.length] = data
            return pack(dma)
        return body + memory[dma.address : dma.address + dma.length]

    with connected(device) as peer:
        peer.serve_dma = serve_dma
        peer.map(0, 0x2000)
        peer.write(7, 4, 2, 4)
        peer.post(0, 8, 8, 0x1000)
        peer.post(0, 0, 4, START)
        peer.read(0, 0, 4)
        assert memory[0x1000:0x100A] == b"blinkblink"


@pytest.mark.parametrize("private", [True, False])
def test_file_that_the_guest_has_mapped_privately_is_left_alone(private: bool, tmp_path: Path) -> None:
    """QEMU gives the file of a template's memory to the devices of its forks."""
    file = tmp_path / "ram"
    file.write_bytes(bytes(8192))
    sent: list[bytes] = []

    def serve_dma(header: messages.Header, body: bytes) -> bytes:
        sent.append(body[16:])
        return body[:16]

    opened = os.open(file, os.O_RDWR)
    flags = mmap.MAP_PRIVATE if private else mmap.MAP_SHARED
    with mmap.mmap(opened, 8192, flags), connected(Blinker()) as peer:
        peer.serve_dma = serve_dma
        peer.map(0, 8192, descriptor=opened)
        peer.write(7, 4, 2, 4)
        peer.post(0, 0, 4, START)
        peer.read(0, 0, 4)
    os.close(opened)
    assert (sent, file.read_bytes()[:10]) == (
        ([b"blinkblink"], bytes(10)) if private else ([], b"blinkblink")
    )


def test_file_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ram"
    file.write_bytes(b"x" * 4096)
    opened = os.open(file, os.O_RDONLY)
    with connected(Blinker()) as peer:
        peer.serve_dma = lambda header, body: body[:16]
        peer.map(0, 4096, descriptor=opened)
        peer.write(7, 4, 2, 4)
        peer.post(0, 0, 4, START)
        peer.read(0, 0, 4)
    os.close(opened)
    assert file.read_bytes() == b"x" * 4096


def test_reads_are_served_while_a_device_waits_for_memory() -> None:
    """QEMU copies only when no processor of the guest waits for the device."""
    answered: list[bytes] = []

    def serve_dma(header: messages.Header, body: bytes) -> bytes:
        # withheld until the device has answered the read that came behind the write
        answered.append(peer.receive()[1])
        return body[:16]

    with connected(Blinker()) as peer:
        peer.serve_dma = serve_dma
        peer.map(0, 0x2000)
        peer.write(7, 4, 2, 4)
        peer.post(0, 0, 4, START)
        peer.send(Command.REGION_READ, pack(messages.Access(4, 0, 4)))
        assert peer.read(0, 0, 4) == START
        assert [data[16:] for data in answered] == [b"\x55\0\0\0"]


def test_memory_by_messages_is_refused_while_qemu_waits() -> None:
    with failing("cannot be reached while QEMU waits"), connected(Blinker()) as peer:
        peer.map(0, 0x2000)
        peer.write(7, 4, 2, 4)
        peer.write(0, 0, 4, START)


def test_transfer_goes_over_mappings_and_message_sizes() -> None:
    device, memory = Blinker(), shared_memory(4096)
    counts: list[int] = []
    got: list[bytes] = []

    def serve_dma(header: messages.Header, body: bytes) -> bytes:
        counts.append(unpack(messages.Dma, body)[0].length)
        return body + bytes(counts[-1])

    with connected(device) as peer:
        peer.serve_dma = serve_dma
        os.pwrite(memory, b"abcd", 4092)
        peer.map(0, 4096, descriptor=memory)
        peer.map(4096, 3 << 20)
        peer.write(7, 4, 2, 4)
        device.after(0, lambda: got.append(device.dma_read(4092, 4 + (128 << 10) + 5)))

        def is_done() -> bool:
            peer.serve(0.02)
            return bool(got)

        wait_until(is_done, "the end of the transfer")
        assert (got[0][:6], len(got[0]), counts) == (
            b"abcd\0\0",
            4 + (128 << 10) + 5,
            [64 << 10, 64 << 10, 5],
        )
    os.close(memory)


def test_64_mappings_come_and_go() -> None:
    memory = shared_memory(4096)
    with connected(Blinker()) as peer:
        for number in range(64):
            peer.map(number * 8192, 4096, descriptor=memory)
        for number in range(0, 64, 2):
            body = pack(messages.DmaUnmap(24, 0, number * 8192, 4096))
            assert peer.ask(Command.DMA_UNMAP, body) == body
    os.close(memory)


def test_bus_mastering_that_is_off_loses_the_transfer() -> None:
    device, memory = Blinker(), shared_memory(4096)
    with connected(device) as peer:
        peer.map(0, 4096, descriptor=memory)
        peer.write(0, 0, 4, START)
        assert os.pread(memory, 5, 0) == bytes(5)
        assert device.dma_read(0, 3) == b"\xff\xff\xff"
        assert Dma("write", 0, 10, allowed=False) in device.events
    os.close(memory)


def test_device_with_a_fault_that_reaches_for_no_memory_loses_the_transfer() -> None:
    """The address is the driver's, and the driver's write may be what the fault took."""
    device = Blinker()
    device.fault = Fault(kind=FaultKind.LOST_WRITE, at=1)
    with connected(device) as peer:
        peer.write(7, 4, 2, 4)
        peer.write(0, 8, 8, 0x1000)
        peer.write(0, 0, 4, START)
        assert Dma("write", 0, 10, allowed=False) in device.events
        assert device.dma_read(0, 3) == b"\xff\xff\xff"


def test_device_without_a_fault_that_reaches_for_no_memory_fails() -> None:
    device = Blinker()
    with failing("the guest has no memory at 0x1000 that can be written to"), connected(device) as peer:
        peer.write(7, 4, 2, 4)
        peer.write(0, 8, 8, 0x1000)
        peer.write(0, 0, 4, START)


class Reader(PciDevice):
    """Reads four bytes of memory twice, when it is told to."""

    vendor_id, device_id = 0x1B36, 0x0006
    regs = Bar(0, size=4096)
    start = regs.register(0)

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def on_write_start(self, address: int) -> None:
        self.got += [self.dma_read(address, 4) for _ in range(2)]


def test_transfer_of_a_device_that_is_taken_out_meanwhile_is_lost() -> None:
    device = Reader()

    def close(header: messages.Header, _: bytes) -> bytes:
        raise EOFError(header.command)

    with connected(device) as peer:
        peer.serve_dma = close
        peer.map(0, 4096)
        peer.write(7, 4, 2, 4)
        peer.post(0, 0, 4, 8)
        with pytest.raises(EOFError, match=str(int(Command.DMA_READ))):
            peer.read(0, 0, 4)
    assert device.got == [b"\xff" * 4] * 2
    assert [event for event in device.history if isinstance(event, Dma)] == [
        Dma("read", 8, 4, allowed=False)
    ] * 2


def test_transfer_is_lost_when_all_memory_was_taken_away() -> None:
    device = Reader()
    body = pack(messages.DmaUnmap(24, 0, 0, 4096))

    def unmap(_: messages.Header, dma: bytes) -> bytes:
        assert peer.ask(Command.DMA_UNMAP, body) == body
        # so that there is an answer to wait for
        peer.send(Command.REGION_READ, pack(messages.Access(0, 0, 4)))
        return dma + b"last"

    with connected(device) as peer:
        peer.serve_dma = unmap
        peer.map(0, 4096)
        peer.write(7, 4, 2, 4)
        peer.post(0, 0, 4, 8)
        assert peer.receive()[0].command == Command.REGION_READ
    assert device.got == [b"last", b"\xff" * 4]
