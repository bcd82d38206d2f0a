"""A USB device and a scripted QEMU, for tests of devices that are reached by USB redirection."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge.devices.peer import exactly

from rustbed.devices.layouts import layout, pack, unpack
from rustbed.devices.usb import packets
from rustbed.devices.usb.descriptors import Endpoint, Transfer
from rustbed.devices.usb.events import Control
from rustbed.devices.usb.model import Stall, UsbDevice
from rustbed.devices.usb.packets import ControlPacket, Type
from rustbed.devices.usb.served import serve

OUT, IN, EVENTS = 0x01, 0x81, 0x82


class Gadget(UsbDevice):
    vendor_id, product_id = 0x1234, 0x5678
    manufacturer, product = "rustbed", "Gadget"
    endpoints = (Endpoint(OUT), Endpoint(IN), Endpoint(EVENTS, Transfer.INTERRUPT, packet=8))

    def on_control(self, request: Control) -> bytes:
        if request.request == 2:
            raise Stall
        if request.request == 3:
            raise KeyError("boom")
        if request.request == 4:
            threading.Event().wait(4)
        return b"hello"

    def on_out(self, endpoint: int, data: bytes) -> None:
        if data == b"refuse":
            raise Stall
        self.send(IN, data.upper())


class Qemu:
    """QEMU's end of a connection, once both have said hello."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.header: type[packets.FirstHeader] | type[packets.Header] = packets.FirstHeader

    def say(self, kind: int, number: int = 0, body: bytes = b"") -> None:
        self.socket.sendall(pack(self.header(kind, len(body), number)) + body)

    def hear(self) -> tuple[int, int, bytes]:
        head = packets.Header(*unpack(self.header, exactly(self.socket, layout(self.header).size))[0])
        return head.type, head.id, exactly(self.socket, head.length)

    def greet(self, capabilities: int = packets.OFFERED) -> None:
        kind, _, body = self.hear()
        assert (kind, len(body)) == (Type.HELLO, 68)
        self.say(Type.HELLO, 0, struct.pack("=64sI", b"qemu", capabilities))
        self.header = packets.Header

    def control(
        self, request_type: int, request: int, value: int = 0, index: int = 0, count: int = 64
    ) -> tuple[int, bytes]:
        asked = ControlPacket(request_type & 0x80, request, request_type, 0, value, index, count)
        self.say(Type.CONTROL_PACKET, 7, pack(asked))
        kind, number, body = self.hear()
        answer, data = unpack(ControlPacket, body)
        assert (kind, number, len(data)) == (Type.CONTROL_PACKET, 7, answer.length if data else 0)
        return answer.status, data

    def bulk(self, endpoint: int, data: bytes = b"", count: int = 512, number: int = 9) -> None:
        length = count if endpoint & 0x80 else len(data)
        self.say(
            Type.BULK_PACKET, number, pack(packets.BulkPacket(endpoint, 0, length, 0, length >> 16)) + data
        )

    def moved(self) -> tuple[int, int, int, bytes]:
        kind, number, body = self.hear()
        packet, data = unpack(packets.BulkPacket, body)
        assert kind == Type.BULK_PACKET
        return number, packet.status, packet.length, data


@contextmanager
def connected(device: UsbDevice, directory: Path | None = None) -> Iterator[Qemu]:
    with serve(device, directory) as served, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        sock.connect(served.argv[1].partition("path=")[2])
        yield Qemu(sock)


@contextmanager
def plugged(device: UsbDevice, directory: Path | None = None) -> Iterator[Qemu]:
    with connected(device, directory) as qemu:
        qemu.greet()
        assert [qemu.hear()[0] for _ in range(3)] == [
            Type.INTERFACE_INFO,
            Type.EP_INFO,
            Type.DEVICE_CONNECT,
        ]
        yield qemu
