"""An I2C bus and a scripted QEMU with a queue in shared memory: transfers, and what makes no sense."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.edge.devices.i2c_peer import read, write
from tests.edge.devices.vhost_peer import (
    BUFFERS,
    GUEST,
    NEXT,
    SIZE,
    TABLE,
    USED,
    WRITES,
    Qemu,
    connected,
    started,
)

from rustbed.devices.faults import LATE_S, Fault, FaultKind
from rustbed.devices.i2c import requests
from rustbed.devices.i2c.bus import I2cBus, I2cRead, I2cWrite
from rustbed.devices.i2c.chip import I2cChip, I2cRegister, Nack
from rustbed.devices.i2c.served import serve
from rustbed.devices.layouts import layout, pack
from rustbed.devices.vhost import messages
from rustbed.devices.vhost.messages import (
    Descriptor,
    MemoryRegion,
    Number,
    Request,
    VringAddress,
    VringState,
)
from rustbed.errors import DeviceError, UsageError


class Sensor(I2cChip):
    address = 0x44
    config = I2cRegister(0x00, reset=0x5A)
    result = I2cRegister(0x01, width=2, reset=0x1234, read_only=True)
    limit = I2cRegister(0x02, width=2)
    boom = I2cRegister(0x10)
    refused = I2cRegister(0x11)

    def on_write_config(self, value: int) -> None:
        self.result = value << 8

    def on_read_boom(self) -> int:
        raise KeyError("boom")

    def on_read_refused(self) -> int:
        raise Nack


def test_registers_are_read_and_written_and_transfers_traced(tmp_path: Path) -> None:
    sensor = Sensor()
    bus = I2cBus(sensor)
    with started(serve(bus, tmp_path)) as qemu:
        assert write(qemu, 0x44, b"\0") == requests.OK
        assert read(qemu, 0x44, 3) == (requests.OK, b"\x5a\x12\x34")
        # two registers in one transfer; the one that is read-only stays
        assert write(qemu, 0x44, b"\0\x77\xaa\xbb\xcc\xdd") == requests.OK
        assert (sensor.config, sensor.result, sensor.limit) == (0x77, 0x7700, 0xCCDD)
        # a register that is not there reads as a line that floats
        assert write(qemu, 0x44, b"\x05") == requests.OK
        assert read(qemu, 0x44, 1) == (requests.OK, b"\xff")
        assert write(qemu, 0x45, b"") == requests.FAILED
        assert bus.trace == [
            *(I2cWrite(0x44, b"\0"), I2cRead(0x44, b"\x5a\x12\x34")),
            *(I2cWrite(0x44, b"\0\x77\xaa\xbb\xcc\xdd"), I2cWrite(0x44, b"\x05"), I2cRead(0x44, b"\xff")),
            I2cWrite(0x45, b"", acknowledged=False),
        ]
        assert os.eventfd_read(qemu.queues[0].call) == 6
    assert len((tmp_path / "Sensor.trace").read_text().splitlines()) == 7


def test_driver_is_called_when_all_messages_are_answered() -> None:
    """The kernel frees those behind a failed one: docs/findings/i2c-virtio-frees-too-early.md."""
    with started(serve(I2cBus(Sensor()))) as qemu:
        out = struct.pack("=HHI", 0x45 << 1, 0, requests.OutFlag.FAIL_NEXT)
        qemu.memory[BUFFERS : BUFFERS + 8] = out
        # two messages to a chip that is not there
        for number in range(2):
            first, status = 2 * number, BUFFERS + 512 + number
            place = TABLE + first * layout(Descriptor).size
            qemu.queues[0].put(
                Descriptor(GUEST + BUFFERS, 8, NEXT, first + 1),
                Descriptor(GUEST + status, 1, WRITES, 0),
                at=place,
            )
        qemu.queues[0].offer(0, 2)
        assert os.eventfd_read(qemu.queues[0].call) == 1
        assert struct.unpack_from("=H", qemu.memory, USED + 2) == (2,)
        assert qemu.memory[BUFFERS + 512 : BUFFERS + 514] == bytes([requests.FAILED] * 2)


def test_chip_refuses_and_what_belongs_to_that_fails_too() -> None:
    sensor = Sensor()
    bus = I2cBus(sensor)
    with started(serve(bus)) as qemu:
        write(qemu, 0x44, b"\x11")
        assert read(qemu, 0x44, 1)[0] == requests.FAILED
        sensor.fault = Fault(kind=FaultKind.REFUSED)
        assert write(qemu, 0x44, b"\0", flags=1) == requests.FAILED
        before = len(bus.trace)
        # the next request of the same transaction never comes to the chip
        assert read(qemu, 0x44, 1)[0] == requests.FAILED
        assert len(bus.trace) == before
        assert read(qemu, 0x44, 1)[0] == requests.FAILED, "the register that refuses is still chosen"


def test_chip_stretches_the_clock_floats_and_recovers() -> None:
    sensor = Sensor()
    with started(serve(I2cBus(sensor))) as qemu:
        write(qemu, 0x44, b"\0")
        sensor.fault = Fault(kind=FaultKind.LATE)
        begin = time.monotonic()
        assert read(qemu, 0x44, 1) == (requests.OK, b"\x5a")
        assert time.monotonic() - begin >= LATE_S
        sensor.fault = Fault(kind=FaultKind.ONES)
        assert read(qemu, 0x44, 2) == (requests.OK, b"\xff\xff")
        assert read(qemu, 0x44, 1) == (requests.OK, b"\x5a")


def test_queue_is_stopped_and_says_where() -> None:
    with started(serve(I2cBus(Sensor()))) as qemu:
        write(qemu, 0x44, b"\0")
        write(qemu, 0x44, b"\0")
        assert qemu.queues[0].stop() == 2


def drive(say: Callable[[Qemu], object]) -> None:
    bus = I2cBus(Sensor())
    with started(serve(bus)) as qemu:
        say(qemu)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            assert isinstance(bus.trace, list)


def request(*descriptors: Descriptor) -> Callable[[Qemu], object]:
    def say(qemu: Qemu) -> None:
        qemu.queues[0].put(*descriptors)
        qemu.queues[0].offer(0)

    return say


def boom(qemu: Qemu) -> None:
    write(qemu, 0x44, b"\x10")
    read(qemu, 0x44, 1)


@pytest.mark.parametrize(
    ("say", "said"),
    [
        (boom, "Sensor raised in a read: KeyError: 'boom'"),
        (lambda qemu: qemu.say(99), "QEMU sent something invalid: request 99"),
        (lambda qemu: qemu.say(Request.GET_FEATURES, flags=2), "not a header"),
        (lambda qemu: qemu.say(Request.SET_FEATURES, pack(Number(1 << 29))), "VIRTIO_F_EVENT_IDX"),
        (lambda qemu: qemu.say(Request.SET_VRING_NUM, b"1234"), "VringState has 4 bytes instead of 8"),
        (
            lambda qemu: qemu.say(Request.SET_VRING_NUM, pack(VringState(1, 4))),
            "queue 1 of a device",
        ),
        (lambda qemu: qemu.say(Request.SET_VRING_KICK, pack(Number(0))), "0 descriptors instead of 1"),
        (
            lambda qemu: qemu.say(Request.SET_VRING_ADDR, pack(VringAddress(0, 0, 0, 0, 0, 0))),
            "none of the guest's memory at 0x0",
        ),
        (
            lambda qemu: qemu.say(
                Request.SET_MEM_TABLE,
                pack(messages.MemoryTable(1, 0)) + pack(MemoryRegion(0, SIZE * 2, 0, 0)),
                [qemu.file],
            ),
            "lies behind the end of its file",
        ),
        (request(Descriptor(GUEST, 8, NEXT, 9), Descriptor(GUEST, 1, WRITES, 0)), "descriptor 9 of 4"),
        (request(Descriptor(GUEST, 8, NEXT, 0)), "go round in a circle"),
        (request(Descriptor(0, 8, 0, 0)), "the guest has no memory of 8 bytes at 0x0"),
        (request(Descriptor(GUEST, 2, 0, 0)), "Out has 2 bytes instead of 8"),
        (request(Descriptor(GUEST, 8, 0, 0)), "no room for its status"),
        (request(Descriptor(GUEST, 8, WRITES | NEXT, 1), Descriptor(GUEST, 8, 0, 0)), "follows the device's"),
    ],
)
def test_what_fails_is_an_error_whoever_looks(say: Callable[[Qemu], object], said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        drive(say)
    assert said in caught.value.headline


def test_queue_of_an_impossible_size_is_an_error() -> None:
    def start() -> None:
        bus = I2cBus(Sensor())
        with connected(serve(bus)) as qemu:
            qemu.start(entries=3)
            while True:
                assert bus.trace == []

    with pytest.raises(DeviceError, match="a queue of 3 entries"):
        start()


def make(**body: object) -> type:
    return type("Odd", (I2cChip,), {"address": 0x20, **body})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"address": 0x78}, "Odd: address is 120"),
        ({"address": None}, "Odd: address is None"),
        ({"a": I2cRegister(1), "b": I2cRegister(1)}, "two registers have the same pointer"),
        ({"a": I2cRegister(256)}, "Odd.a: a pointer is a byte"),
        ({"a": I2cRegister(1, width=0)}, "Odd.a: a pointer is a byte, a width at least one"),
        ({"on_read_a": lambda self: 0}, "Odd.on_read_a: there is no register 'a'"),
        (
            {"a": I2cRegister(1, read_only=True), "on_write_a": lambda self, value: None},
            "Odd.on_write_a is never called",
        ),
    ],
)
def test_impossible_chip_is_refused(body: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make(**body)


def test_impossible_bus_and_value_are_refused() -> None:
    with pytest.raises(UsageError, match="two chips of a bus have the same address"):
        I2cBus(Sensor(), Sensor())
    with pytest.raises(UsageError, match="config is set to 0x100"):
        Sensor().config = 0x100
