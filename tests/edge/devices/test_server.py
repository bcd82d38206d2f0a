"""A served device and a scripted client: what QEMU says, and what nothing should ever say."""

from __future__ import annotations

import errno
import json
import mmap
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.edge.devices.peer import Peer, connect, connected, failing, multi, signalled

from rustbed.devices import messages
from rustbed.devices.layouts import pack, unpack, unpack_exactly
from rustbed.devices.messages import Command, Irq, IrqFlag
from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar
from rustbed.devices.served import serve
from rustbed.devices.trace import Dma, Interrupt, Read, Reset, Write
from rustbed.errors import DeviceError

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


def eventually(condition: object, what: str) -> None:
    assert callable(condition)
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


# -- what QEMU asks at its start -----------------------------------------------------


def test_version_is_answered_with_the_lowest_minor() -> None:
    with connected(Blinker()) as peer:
        answer = peer.ask(Command.VERSION, pack(messages.Version(0, 1)) + b'{"capabilities":{}}\0')
        version, text = unpack(messages.Version, answer)
        capabilities = json.loads(text.rstrip(b"\0"))["capabilities"]
        assert (version, capabilities["max_msg_fds"], text[-1:]) == (messages.Version(0, 0), 16, b"\0")


def test_device_tells_its_regions_and_interrupts() -> None:
    with connected(Blinker()) as peer:
        info = unpack_exactly(messages.Info, peer.ask(Command.GET_INFO, pack(messages.Info(16, 0, 0, 0))))
        assert (info.argsz, info.flags, info.regions, info.irqs) == (16, 3, 9, 5)
        sizes, counts = [], []
        for number in range(9):
            asked = pack(messages.RegionInfo(32, 0, number, 0, 0, 0))
            region = unpack_exactly(messages.RegionInfo, peer.ask(Command.GET_REGION_INFO, asked))
            assert (region.number, bool(region.flags)) == (number, bool(region.size))
            sizes.append(region.size)
        for number in range(5):
            asked = pack(messages.IrqInfo(16, 0, number, 0))
            counts.append(unpack_exactly(messages.IrqInfo, peer.ask(Command.GET_IRQ_INFO, asked)).total)
        assert (sizes, counts) == ([4096, 0, 0, 0, 0, 4096, 0, 256, 0], [1, 4, 8, 1, 1])


def test_whole_config_space_is_read_at_once() -> None:
    device = Blinker()
    with connected(device) as peer:
        assert peer.read(7, 0, 256).to_bytes(256, "little") == device.config.read(0, 256)


@pytest.mark.parametrize("command", [Command.FEATURE, Command.GET_REGION_IO_FDS, Command.MIG_DATA_READ, 99])
def test_optional_and_unknown_commands_are_refused_and_no_failure(command: int) -> None:
    with connected(Blinker()) as peer:
        with pytest.raises(OSError, match="not supported") as caught:
            peer.ask(command, bytes(16))
        assert caught.value.errno == errno.ENOTSUP
        assert peer.read(0, 4, 4) == 0x55


# -- accesses ------------------------------------------------------------------------


def test_accesses_are_served_in_order_and_traced() -> None:
    device = Blinker()
    with connected(device) as peer:
        peer.post(0, 8, 8, 0x1000)
        peer.write(0, 0, 4, 2)
        assert (peer.read(0, 0, 4), peer.read(0, 8, 8)) == (2, 0x1000)
        assert device.trace == [
            Write(0, 8, 8, 0x1000),
            Write(0, 0, 4, 2),
            Read(0, 0, 4, 2),
            Read(0, 8, 8, 0x1000),
        ]


def test_trace_waits_for_writes_that_were_posted() -> None:
    device = Blinker()
    with connected(device) as peer:
        for value in range(1000):
            peer.post(0, 8, 8, value)
        assert [event.value for event in device.trace] == list(range(1000))


def test_posted_writes_are_not_answered() -> None:
    with connected(Blinker()) as peer:
        peer.post(0, 8, 8, 1)
        # the next answer is that of the next command
        assert peer.read(0, 8, 8) == 1


def test_many_writes_come_in_one_message() -> None:
    device = Blinker()
    with connected(device) as peer:
        body = multi((0, 8, b"\1" + bytes(7)), (0, 0, b"\2\0\0\0"))
        assert peer.ask(Command.REGION_WRITE_MULTI, body) == pack(messages.WriteCount(2))
        assert device.trace == [Write(0, 8, 8, 1), Write(0, 0, 4, 2)]


def test_message_in_pieces_is_put_together() -> None:
    with connected(Blinker()) as peer:
        body = pack(messages.Access(4, 0, 4))
        data = pack(messages.Header(7, Command.REGION_READ, 32, 0, 0)) + body
        for byte in data:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.001)
        header, answer = peer.receive()
        assert (header.id, answer[16:]) == (7, b"\x55\0\0\0")


def test_reset_returns_to_the_beginning() -> None:
    device = Blinker()
    with connected(device) as peer:
        peer.write(0, 0, 4, 2)
        peer.write(7, 4, 2, 0x6)
        assert peer.ask(Command.RESET) == b""
        assert (peer.read(0, 0, 4), peer.read(7, 4, 2)) == (0, 0)
        assert device.events[2] == Reset()


# -- memory --------------------------------------------------------------------------


def shared_memory(size: int) -> int:
    descriptor = os.memfd_create("guest")
    os.ftruncate(descriptor, size)
    return descriptor


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
        peer.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            # serves the transfer; no answer is due
            peer.receive()
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


# -- interrupts ----------------------------------------------------------------------


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
        eventually(lambda: signalled(vectors[5]), "the interrupt never came")


# -- what should never come ------------------------------------------------------------

MAP = pack(messages.DmaMap(32, 3, 0, 0, 4096))

# command, body, number of descriptors, errno, and what the error says
BAD = {
    "version of another protocol": (
        Command.VERSION,
        pack(messages.Version(1, 0)),
        0,
        errno.EINVAL,
        "version 1.0",
    ),
    "version without a number": (Command.VERSION, b"\0\0", 0, errno.EINVAL, "Version has 2 bytes"),
    "short map": (Command.DMA_MAP, MAP[:31], 0, errno.EINVAL, "DmaMap has 31 bytes"),
    "long map": (Command.DMA_MAP, MAP + b"x", 0, errno.EINVAL, "1 bytes follow DmaMap"),
    "map of nothing": (Command.DMA_MAP, pack(messages.DmaMap(32, 3, 0, 0, 0)), 0, errno.EINVAL, "cannot map"),
    "map past the end": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 3, 0, (1 << 64) - 4096, 8192)),
        0,
        errno.EINVAL,
        "cannot map",
    ),
    "map with flags": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 7, 0, 0, 4096)),
        0,
        errno.EINVAL,
        "cannot map",
    ),
    "map of two files": (Command.DMA_MAP, MAP, 2, errno.EINVAL, "2 descriptors for one mapping"),
    "map behind the file": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 3, 1 << 20, 0, 4096)),
        1,
        errno.EINVAL,
        "behind the end",
    ),
    "unmap of nothing": (
        Command.DMA_UNMAP,
        pack(messages.DmaUnmap(24, 0, 0, 4096)),
        0,
        errno.ENOENT,
        "nothing is mapped",
    ),
    "info cut short": (Command.GET_INFO, bytes(15), 0, errno.EINVAL, "Info has 15 bytes"),
    "region that is none": (
        Command.GET_REGION_INFO,
        pack(messages.RegionInfo(32, 0, 9, 0, 0, 0)),
        0,
        errno.EINVAL,
        "there is no region 9",
    ),
    "interrupts of no kind": (
        Command.GET_IRQ_INFO,
        pack(messages.IrqInfo(16, 0, 5, 0)),
        0,
        errno.EINVAL,
        "no kind 5",
    ),
    "two actions": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x31, 2, 0, 1)),
        0,
        errno.EINVAL,
        "flags 0x31",
    ),
    "no action": (Command.SET_IRQS, pack(messages.IrqSet(20, 1, 2, 0, 1)), 0, errno.EINVAL, "flags 0x1"),
    "too many vectors": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 7, 2)),
        0,
        errno.EINVAL,
        "no such interrupts",
    ),
    "vectors without end": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 1, 0xFFFFFFFF)),
        0,
        errno.EINVAL,
        "no such interrupts",
    ),
    "fewer descriptors": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 0, 3)),
        2,
        errno.EINVAL,
        "2 descriptors for 3",
    ),
    "booleans missing": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x22, 2, 0, 3)),
        0,
        errno.EINVAL,
        "0 bytes for",
    ),
    "read behind the end": (
        Command.REGION_READ,
        pack(messages.Access(4094, 0, 4)),
        0,
        errno.EINVAL,
        "4 bytes at 0xffe of region 0",
    ),
    "read of no region": (
        Command.REGION_READ,
        pack(messages.Access(0, 3, 4)),
        0,
        errno.EINVAL,
        "which has 0",
    ),
    "read of region 4 billion": (
        Command.REGION_READ,
        pack(messages.Access(0, 0xFFFFFFFF, 4)),
        0,
        errno.EINVAL,
        "which has 0",
    ),
    "read of three bytes": (
        Command.REGION_READ,
        pack(messages.Access(0, 0, 3)),
        0,
        errno.EINVAL,
        "3 bytes at once",
    ),
    "read of nothing": (
        Command.REGION_READ,
        pack(messages.Access(0, 0, 0)),
        0,
        errno.EINVAL,
        "0 bytes at once",
    ),
    "read cut short": (Command.REGION_READ, bytes(8), 0, errno.EINVAL, "Access has 8 bytes"),
    "write without data": (
        Command.REGION_WRITE,
        pack(messages.Access(0, 0, 4)),
        0,
        errno.EINVAL,
        "0 bytes come with a write of 4",
    ),
    "write behind the end": (
        Command.REGION_WRITE,
        pack(messages.Access(1 << 63, 0, 4)) + bytes(4),
        0,
        errno.EINVAL,
        "of region 0",
    ),
    "fewer writes than said": (
        Command.REGION_WRITE_MULTI,
        pack(messages.WriteCount(1 << 60)),
        0,
        errno.EINVAL,
        "OneWrite has 0 bytes",
    ),
    "more writes than said": (
        Command.REGION_WRITE_MULTI,
        pack(messages.WriteCount(0)) + bytes(24),
        0,
        errno.EINVAL,
        "24 bytes follow 0 writes",
    ),
    "more descriptors than offered": (
        Command.GET_INFO,
        bytes(16),
        17,
        errno.EINVAL,
        "more than 16 descriptors",
    ),
}


def descriptors_of_this_process() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("name", BAD)
def test_malformed_command_is_refused_and_fails_the_test(name: str) -> None:
    command, body, files, error, problem = BAD[name]
    device, memory = Blinker(), shared_memory(4096)
    before = descriptors_of_this_process()
    with failing(problem), connected(device) as peer:
        with pytest.raises(OSError, match=os.strerror(error)) as refused:
            peer.ask(command, body, [memory] * files)
        assert refused.value.errno == error
        # the device goes on
        peer.ask(Command.GET_INFO, bytes(16))
    assert descriptors_of_this_process() == before
    os.close(memory)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pack(messages.Header(1, 9, 15, 0, 0)), "not a header"),
        (pack(messages.Header(1, 9, 1 << 30, 0, 0)), "not a header"),
        (pack(messages.Header(1, 9, 16, 2, 0)), "not a header"),
        (pack(messages.Header(1, 9, 32, 0, 0)) + bytes(4), "the peer closed 12 bytes before a message's end"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a header"),
        (b"xyz", "the peer closed 13 bytes before a message's end"),
    ],
)
def test_stream_that_cannot_be_understood_ends_the_connection(data: bytes, problem: str) -> None:
    with failing(problem), connected(Blinker()) as peer:
        peer.socket.sendall(data)
        peer.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            peer.receive()


def test_overlapping_mapping_is_refused() -> None:
    with failing("overlaps another mapping"), connected(Blinker()) as peer:
        peer.map(0, 8192)
        with pytest.raises(FileExistsError):
            peer.map(4096, 8192)


def test_answer_to_nothing_is_ignored() -> None:
    with connected(Blinker()) as peer:
        peer.send(Command.DMA_READ, flags=messages.REPLY)
        assert peer.read(0, 4, 4) == 0x55


# -- devices that fail -------------------------------------------------------------------


def test_device_that_raises_reads_as_all_ones_and_is_an_error() -> None:
    device = Blinker()
    why = ("Blinker raised in a read: KeyError: 'boom'", "test_server.py", "in on_read_boom")
    with failing(*why), connected(device) as peer:
        assert peer.read(0, 4, 4) == 0x55
        assert peer.read(0, 0x10, 4) == 0xFFFFFFFF
        # and so do all registers from now on: the guest goes on
        assert (peer.read(0, 4, 4), peer.read(7, 0, 4)) == (0xFFFFFFFF, 0xCAFE1234)
        peer.write(0, 0, 4, START)


def test_error_of_a_device_shows_its_own_lines_only() -> None:
    with failing("in on_read_boom") as caught, connected(Blinker()) as peer:
        peer.read(0, 0x10, 4)
    assert "registers.py" not in str(caught.value)


def test_trace_of_a_device_that_raised_is_refused() -> None:
    device = Blinker()
    with failing("raised in a read"), connected(device) as peer:
        peer.read(0, 0x10, 4)
        with pytest.raises(DeviceError, match="raised in a read"):
            _ = device.trace


def test_failure_of_the_device_is_told_instead_of_what_came_of_it() -> None:
    with pytest.raises(DeviceError, match="raised in a read") as caught, connected(Blinker()) as peer:
        assert peer.read(0, 0x10, 4) == 0, "the guest read nonsense"
    assert isinstance(caught.value.__cause__, AssertionError)


def test_what_is_done_later_may_fail_too() -> None:
    device = Blinker()
    with (
        failing("raised in what it does later: ZeroDivisionError"),
        connected(device),
    ):
        device.after(0, lambda: 1 // 0)
        time.sleep(0.1)


def test_device_that_never_answers_is_an_error_that_shows_where_it_is() -> None:
    release = threading.Event()

    class Stuck(Blinker):
        def on_write_control(self, value: int) -> None:
            release.wait(20)

    device, before = Stuck(), threading.active_count()
    try:
        with failing("Stuck has not returned for 2 s", "in on_write_control"), connected(device) as peer:
            peer.post(0, 0, 4, 1)
            _ = device.trace
    finally:
        release.set()
    eventually(lambda: threading.active_count() == before, "the device's thread never ended")


# -- the end of a connection ---------------------------------------------------------------


def test_client_that_goes_away_is_no_failure_and_leaves_nothing_open() -> None:
    device, memory = Blinker(), shared_memory(4096)
    before = descriptors_of_this_process()
    with serve(device) as served:
        for _ in range(3):
            with connect(served) as peer:
                peer.map(0, 4096, descriptor=memory)
                for event in peer.enable_irqs(Irq.MSIX, 8):
                    os.close(event)
                peer.write(0, 8, 8, 1)
        # the state stays for the next one, as the specification asks for
        with connect(served) as peer:
            assert peer.read(0, 8, 8) == 1
    assert descriptors_of_this_process() == before
    os.close(memory)


def test_device_ends_while_its_client_is_there() -> None:
    with serve(Blinker()) as served:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(served.path))
        peer = Peer(sock, served)
        assert peer.read(0, 4, 4) == 0x55
    with pytest.raises(EOFError):
        peer.receive()
    sock.close()
    assert not served.path.exists()


def test_threads_end_with_their_devices() -> None:
    before = threading.active_count()
    for _ in range(5):
        with connected(Blinker()) as peer:
            peer.read(0, 4, 4)
    assert threading.active_count() == before
