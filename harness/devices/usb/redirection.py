"""The USB redirection protocol for a device: handles QEMU's packets and sends the answers.

Knows the protocol and the device; the server owns the thread and the socket.
"""

from __future__ import annotations

import socket
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from rustbed.devices.connection import BrokenStreamError
from rustbed.devices.layouts import layout, pack, unpack, unpack_exactly
from rustbed.devices.stream import Line
from rustbed.devices.usb import packets, tables
from rustbed.devices.usb.descriptors import IN
from rustbed.devices.usb.events import BusReset, Control, Moved, Plug
from rustbed.devices.usb.model import Stall, UsbDevice
from rustbed.devices.usb.packets import Status, Type

# bytes to receive at once, and of the longest accepted packet
_CHUNK = 65536
_LONGEST = 16 << 20
# stands for the answer of a device's code that refuses
_STALLED = object()


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """An unfinished bulk transfer."""

    id: int
    packet: packets.BulkPacket

    @property
    def count(self) -> int:
        """The most bytes that it can transfer."""
        return self.packet.length_high << 16 | self.packet.length


class Redirection:
    """The connection to one QEMU that has the device."""

    def __init__(self, device: UsbDevice, sock: socket.socket, line: Line) -> None:
        self._device, self._socket, self._watch = device, sock, line.watch
        self._buffer = b""
        # short headers until both sides have said hello
        self._header: type[packets.FirstHeader] | type[packets.Header] = packets.FirstHeader
        self._is_plugged = False
        # whether a packet is being handled
        self._is_taking = False
        self._configuration = 0
        self._ready: dict[int, deque[bytes]] = defaultdict(deque)
        self._asked: dict[int, deque[_Asked]] = defaultdict(deque)
        self._receiving: set[int] = set()
        self._takes: dict[int, Callable[[int, bytes], None]] = {
            Type.HELLO: self._hello,
            Type.RESET: self._reset,
            Type.SET_CONFIGURATION: self._set_configuration,
            Type.GET_CONFIGURATION: self._get_configuration,
            Type.SET_ALT_SETTING: self._set_alt_setting,
            Type.GET_ALT_SETTING: self._get_alt_setting,
            Type.START_INTERRUPT_RECEIVING: self._start_receiving,
            Type.STOP_INTERRUPT_RECEIVING: self._stop_receiving,
            Type.CANCEL_DATA_PACKET: self._cancel,
            Type.FILTER_REJECT: self._rejected,
            # a filter for devices, which is meant for hosts with several
            Type.FILTER_FILTER: lambda _, __: None,
            Type.CONTROL_PACKET: self._control,
            Type.BULK_PACKET: self._bulk,
            Type.INTERRUPT_PACKET: self._interrupt,
        }
        self._say(Type.HELLO, 0, packets.hello("rustbed"))

    # -- packets -----------------------------------------------------------------

    def receive(self) -> bool:
        """Handle the received bytes and return whether QEMU is still connected."""
        data = self._socket.recv(_CHUNK)
        self._buffer += data
        while (packet := self._next()) is not None:
            kind, number, body = packet
            if kind not in self._takes:
                raise BrokenStreamError(f"a packet of type {kind}")
            try:
                self._is_taking = True
                self._takes[kind](number, body)
            except ValueError as error:
                raise BrokenStreamError(f"{Type(kind).name}: {error}") from error
            finally:
                self._is_taking = False
            self._serve()
        return bool(data)

    def _next(self) -> tuple[int, int, bytes] | None:
        size = layout(self._header).size
        if len(self._buffer) < size:
            return None
        head, rest = unpack(self._header, self._buffer)
        header = packets.Header(*head)
        if header.length > _LONGEST:
            raise BrokenStreamError(f"a packet of {header.length} bytes")
        if len(rest) < header.length:
            return None
        self._buffer = rest[header.length :]
        return header.type, header.id, rest[: header.length]

    def _say(self, kind: Type, number: int, body: bytes = b"") -> None:
        self._socket.sendall(pack(self._header(kind, len(body), number)) + body)

    def _answer(self, kind: Type, number: int, body: bytes) -> None:
        """Answer a transfer, unless the device was unplugged during it."""
        if self._is_plugged:
            self._say(kind, number, body)

    def close(self) -> None:
        """Drop unfinished transfers."""
        self._is_plugged = False

    # -- plugging ----------------------------------------------------------------

    def _hello(self, _: int, body: bytes) -> None:
        words = unpack(packets.Hello, body)[1]
        theirs = int.from_bytes(words[:4], "little")
        if packets.OFFERED & ~theirs:
            raise BrokenStreamError(f"the peer lacks capabilities: it has {theirs:#x}")
        self._header = packets.Header
        self.plug(True)

    def plug(self, inserted: bool) -> None:
        """Plug the device in or out."""
        if inserted is self._is_plugged:
            return
        self._is_plugged = inserted
        self._forget_transfers()
        self._device.note(Plug(inserted, self._device.now()))
        if not inserted:
            self._say(Type.DEVICE_DISCONNECT, 0)
            return
        # before DEVICE_CONNECT, or QEMU rejects the device
        self._say(Type.INTERFACE_INFO, 0, pack(tables.interfaces(self._device)))
        self._say(Type.EP_INFO, 0, pack(tables.endpoints(self._device)))
        device = self._device
        connect = packets.DeviceConnect(
            device.speed, 0, 0, 0, device.vendor_id, device.product_id, device.version
        )
        self._say(Type.DEVICE_CONNECT, 0, pack(connect))

    def _forget_transfers(self) -> None:
        self._ready.clear()
        self._asked.clear()
        self._receiving.clear()
        self._configuration = 0

    def _rejected(self, _: int, __: bytes) -> None:
        self._watch.fail(f"{self._watch.name}: QEMU rejects the device; its speed and endpoints must fit")

    # -- requests ----------------------------------------------------------------

    def _ask(self, what: str, call: Callable[..., object], *arguments: object) -> object:
        """Call the device's code and return its result; `_STALLED` if it refuses, raises, or has raised."""

        def refusing() -> object:
            try:
                return call(*arguments), True
            except Stall:
                return None

        answer = self._watch.ask(what, refusing)
        return answer[0] if isinstance(answer, tuple) else _STALLED

    def _reset(self, _: int, __: bytes) -> None:
        self._forget_transfers()
        self._device.note(BusReset(self._device.now()))

    def _set_configuration(self, number: int, body: bytes) -> None:
        wanted = unpack_exactly(packets.Configuration, body)
        self._configuration = wanted.number
        self._ask("on_configured", self._device.configure, wanted.number)
        self._get_configuration(number, b"")

    def _get_configuration(self, number: int, _: bytes) -> None:
        answer = packets.ConfigurationStatus(Status.SUCCESS, self._configuration)
        self._answer(Type.CONFIGURATION_STATUS, number, pack(answer))

    def _set_alt_setting(self, number: int, body: bytes) -> None:
        wanted = unpack_exactly(packets.AltSetting, body)
        there = (wanted.interface, wanted.number) == (0, 0)
        answer = packets.AltSettingStatus(Status.SUCCESS if there else Status.STALL, wanted.interface, 0)
        self._say(Type.ALT_SETTING_STATUS, number, pack(answer))

    def _get_alt_setting(self, number: int, body: bytes) -> None:
        wanted = unpack_exactly(packets.Interface, body)
        answer = packets.AltSettingStatus(Status.SUCCESS, wanted.number, 0)
        self._say(Type.ALT_SETTING_STATUS, number, pack(answer))

    def _control(self, number: int, body: bytes) -> None:
        asked, data = unpack(packets.ControlPacket, body)
        device = self._device
        fields = (asked.request_type, asked.request, asked.value, asked.w_index)
        request = Control(*fields, data, False, device.now())
        answer = self._ask("on_control", device.control, request)
        if not isinstance(answer, bytes | None) and answer is not _STALLED:
            self._watch.fail(f"{self._watch.name}: on_control returned {answer!r} instead of bytes")
            answer = _STALLED
        stalled = answer is _STALLED
        moved = answer[: asked.length] if request.is_in and isinstance(answer, bytes) else b""
        device.note(Control(*fields, moved if request.is_in else data, stalled, device.now()))
        length = len(moved) if request.is_in else asked.length
        status = Status.STALL if stalled else Status.SUCCESS
        self._answer(Type.CONTROL_PACKET, number, pack(asked._replace(status=status, length=length)) + moved)

    # -- transfers ---------------------------------------------------------------

    def send(self, endpoint: int, data: bytes) -> None:
        """Queue bytes at an endpoint until the guest asks for them."""
        self._ready[endpoint].append(data)
        # bytes that the device's code sends while it handles a packet come after the answer
        if not self._is_taking:
            self._serve()

    def _serve(self) -> None:
        """Finish the transfers that the guest has asked for and that have data."""
        for endpoint in [*self._ready]:
            while self._ready[endpoint] and endpoint in self._receiving:
                self._finish_interrupt(endpoint, self._ready[endpoint].popleft())
            while self._ready[endpoint] and self._asked[endpoint]:
                self._give(endpoint)

    def _give(self, endpoint: int) -> None:
        """Finish the first pending transfer of an endpoint; a refused one consumes no data."""
        asked, ready = self._asked[endpoint].popleft(), self._ready[endpoint]
        answer = self._ask("a fault", self._device.give_in, endpoint, ready[0][: asked.count])
        if isinstance(answer, bytes):
            left = ready.popleft()[asked.count :]
            ready.extendleft([left] if left else [])
        self._finish_bulk(asked, answer if isinstance(answer, bytes) else b"", stalled=answer is _STALLED)

    def _bulk(self, number: int, body: bytes) -> None:
        packet, data = unpack(packets.BulkPacket, body)
        asked = _Asked(id=number, packet=packet)
        if not packet.endpoint & IN:
            answer = self._ask("on_out", self._device.take_out, packet.endpoint, data)
            self._finish_bulk(asked, data, stalled=answer is _STALLED)
            return
        ready = self._ready[packet.endpoint]
        answer = None if ready else self._ask("on_in", self._device.ask_in, packet.endpoint, asked.count)
        if answer is _STALLED:
            self._finish_bulk(asked, b"", stalled=True)
            return
        if isinstance(answer, bytes):
            ready.append(answer)
        self._asked[packet.endpoint].append(asked)

    def _finish_bulk(self, asked: _Asked, data: bytes, *, stalled: bool = False) -> None:
        packet = asked.packet
        self._device.note(Moved(packet.endpoint, data, stalled, self._device.now()))
        moved = 0 if stalled else len(data)
        answer = packet._replace(
            status=Status.STALL if stalled else Status.SUCCESS,
            length=moved & 0xFFFF,
            length_high=moved >> 16,
        )
        back = data if packet.endpoint & IN else b""
        self._answer(Type.BULK_PACKET, asked.id, pack(answer) + back)

    def _cancel(self, number: int, _: bytes) -> None:
        for waiting in self._asked.values():
            for asked in [each for each in waiting if each.id == number]:
                waiting.remove(asked)
                answer = asked.packet._replace(status=Status.CANCELLED, length=0, length_high=0)
                self._say(Type.BULK_PACKET, number, pack(answer))

    def _interrupt(self, number: int, body: bytes) -> None:
        packet, data = unpack(packets.InterruptPacket, body)
        stalled = self._ask("on_out", self._device.take_out, packet.endpoint, data) is _STALLED
        self._device.note(Moved(packet.endpoint, data, stalled, self._device.now()))
        status = Status.STALL if stalled else Status.SUCCESS
        self._answer(Type.INTERRUPT_PACKET, number, pack(packet._replace(status=status)))

    def _finish_interrupt(self, endpoint: int, data: bytes) -> None:
        answer = self._ask("a fault", self._device.give_in, endpoint, data)
        data, stalled = answer if isinstance(answer, bytes) else b"", answer is _STALLED
        self._device.note(Moved(endpoint, data, stalled, self._device.now()))
        status = Status.STALL if stalled else Status.SUCCESS
        packet = packets.InterruptPacket(endpoint, status, len(data))
        self._answer(Type.INTERRUPT_PACKET, 0, pack(packet) + data)

    def _start_receiving(self, number: int, body: bytes) -> None:
        self._receive(number, body, self._receiving.add)

    def _stop_receiving(self, number: int, body: bytes) -> None:
        self._receive(number, body, self._receiving.discard)

    def _receive(self, number: int, body: bytes, change: Callable[[int], None]) -> None:
        endpoint = unpack_exactly(packets.Receiving, body).endpoint
        change(endpoint)
        status = packets.ReceivingStatus(Status.SUCCESS, endpoint)
        self._say(Type.INTERRUPT_RECEIVING_STATUS, number, pack(status))
