"""The vhost-user protocol for an I2C bus: handles messages and requests, and sends the answers.

Knows the protocol and the bus; the server owns the thread and the socket.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from rustbed.devices.connection import BrokenStreamError
from rustbed.devices.i2c import messages
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.i2c.messages import Header, Number, OutFlag, Request, VringState
from rustbed.devices.i2c.virtqueue import Chain, Memory, Virtqueue
from rustbed.devices.layouts import layout, pack, unpack, unpack_exactly
from rustbed.devices.stream import Line

# bytes of the longest accepted message, and descriptors that may come with one: the specification requires
# at least this many memory regions
_LONGEST, _REGIONS = 4096, 8
# VIRTIO_F_EVENT_IDX, by which notifications are suppressed in the rings; not offered
_EVENT_INDEX = 1 << 29


class Vhost:
    """The connection to one QEMU that has the bus."""

    def __init__(self, bus: I2cBus, sock: socket.socket, line: Line) -> None:
        self._bus, self._socket, self._line = bus, sock, line
        self._memory: Memory | None = None
        self._queue: Virtqueue | None = None
        self._size = 0
        self._next = 0
        self._kick: int | None = None
        self._call: int | None = None
        self._is_enabled = False
        # whether a chip stretches the clock
        self._is_waiting = False
        # whether the next request fails because the one before it in the same transaction failed
        self._fails_next = False
        # handlers by request; some return an answer
        self._answers: dict[int, Callable[[bytes, list[int]], int | VringState | None]] = {
            Request.GET_FEATURES: lambda _, __: messages.FEATURES,
            Request.SET_FEATURES: self._set_features,
            Request.SET_OWNER: lambda _, __: None,
            Request.SET_MEM_TABLE: self._set_memory,
            Request.SET_VRING_NUM: self._set_size,
            Request.SET_VRING_ADDR: self._set_address,
            Request.SET_VRING_BASE: self._set_base,
            Request.GET_VRING_BASE: self._get_base,
            Request.SET_VRING_KICK: self._set_kick,
            Request.SET_VRING_CALL: self._set_call,
            Request.SET_VRING_ERR: lambda _, descriptors: _close(descriptors),
            Request.GET_PROTOCOL_FEATURES: lambda _, __: messages.PROTOCOL_FEATURES,
            Request.SET_PROTOCOL_FEATURES: lambda _, __: None,
            Request.GET_QUEUE_NUM: lambda _, __: 1,
            Request.SET_VRING_ENABLE: self._enable,
        }

    # -- messages ----------------------------------------------------------------

    def receive(self) -> bool:
        """Serve one message and return whether QEMU is still connected."""
        size = layout(Header).size
        data, descriptors, _, _ = socket.recv_fds(self._socket, size, _REGIONS, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return False
        try:
            header = unpack_exactly(Header, data + self._exactly(size - len(data)))
            if header.flags & 3 != messages.VERSION or header.size > _LONGEST:
                raise ValueError(f"not a header: {header}")
            body = self._exactly(header.size)
            if header.request not in self._answers:
                raise ValueError(f"request {header.request}")
            answer = self._answers[header.request](body, descriptors)
        except (ValueError, OSError) as error:
            _close(descriptors)
            raise BrokenStreamError(str(error)) from error
        self._answer(header, answer)
        return True

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise ValueError(f"QEMU closed {count - len(data)} bytes before a message's end")
            data += more
        return data

    def _answer(self, header: Header, answer: int | VringState | None) -> None:
        if answer is None and not header.flags & messages.NEEDS_REPLY:
            return
        body = pack(answer) if isinstance(answer, VringState) else pack(Number(answer or 0))
        reply = Header(header.request, messages.VERSION | messages.REPLY, len(body))
        self._socket.sendall(pack(reply) + body)

    def close(self) -> None:
        """Free the resources of this connection."""
        self._set_descriptor("_kick", None)
        self._set_descriptor("_call", None)
        self._queue = None
        if self._memory is not None:
            self._memory.close()

    # -- what QEMU says of the queue ---------------------------------------------

    def _set_features(self, body: bytes, _: list[int]) -> None:
        if unpack_exactly(Number, body).value & _EVENT_INDEX:
            raise ValueError("VIRTIO_F_EVENT_IDX, which was not offered")

    def _set_memory(self, body: bytes, descriptors: list[int]) -> None:
        table, rest = unpack(messages.MemoryTable, body)
        regions = []
        for _ in range(table.regions):
            region, rest = unpack(messages.MemoryRegion, rest)
            regions.append(region)
        memory = Memory(regions, descriptors)
        if self._memory is not None:
            self._memory.close()
        self._memory = memory
        _close(descriptors)

    def _set_size(self, body: bytes, _: list[int]) -> None:
        self._size = _state(body).number

    def _set_base(self, body: bytes, _: list[int]) -> None:
        self._next = _state(body).number

    def _get_base(self, body: bytes, _: list[int]) -> VringState:
        """Stop the queue and return its next request."""
        _state(body)
        next_request = self._queue.next if self._queue else self._next
        self._queue = None
        self._set_descriptor("_kick", None)
        return VringState(0, next_request)

    def _set_address(self, body: bytes, _: list[int]) -> None:
        address = unpack_exactly(messages.VringAddress, body)
        if address.queue or self._memory is None:
            raise ValueError(f"queue {address.queue}, with memory: {self._memory is not None}")
        self._queue = Virtqueue(self._memory, self._size, address, self._next)

    def _set_kick(self, body: bytes, descriptors: list[int]) -> None:
        self._set_descriptor("_kick", _one(body, descriptors))
        if self._kick is not None:
            self._line.listen_to(self._kick, self._kicked)

    def _set_call(self, body: bytes, descriptors: list[int]) -> None:
        self._set_descriptor("_call", _one(body, descriptors))

    def _set_descriptor(self, name: str, descriptor: int | None) -> None:
        old = getattr(self, name)
        setattr(self, name, descriptor)
        if old is not None:
            self._line.forget(old)
            os.close(old)

    def _enable(self, body: bytes, _: list[int]) -> None:
        self._is_enabled = bool(_state(body).number)
        self._serve()

    # -- requests ----------------------------------------------------------------

    def _kicked(self) -> None:
        assert self._kick is not None
        with suppress(BlockingIOError):
            os.read(self._kick, 8)
        self._serve()

    def _serve(self) -> None:
        while self._queue is not None and self._is_enabled and not self._is_waiting:
            try:
                chain = self._queue.take()
                if chain is None:
                    return
                self._begin(chain)
            except ValueError as error:
                raise BrokenStreamError(f"a request: {error}") from error

    def _begin(self, chain: Chain) -> None:
        out, data = unpack(messages.Out, chain.out)
        address = out.address >> 1
        delay = self._bus.delay_of(address)
        if not delay:
            self._finish(chain, out, data)
            return
        self._is_waiting = True

        def later() -> None:
            self._is_waiting = False
            if self._queue is not None:
                self._finish(chain, out, data)
                self._serve()

        self._line.after(delay, later)

    def _finish(self, chain: Chain, out: messages.Out, data: bytes) -> None:
        assert self._queue is not None
        count = chain.room - layout(messages.In).size
        if count < 0:
            raise ValueError("no room for its status")
        answer = None if self._fails_next else self._transfer(out, data, count)
        failed = answer is None
        self._fails_next = failed and bool(out.flags & OutFlag.FAIL_NEXT)
        status = pack(messages.In(messages.FAILED if failed else messages.OK))
        self._queue.give(chain, (answer or b"").ljust(count, b"\0") + status)
        # only when all are answered: after a failed message the driver frees the ones queued behind it
        # without waiting for them (docs/findings/i2c-virtio-frees-too-early.md, Linux 7.3)
        if self._call is not None and not self._queue.waiting:
            os.eventfd_write(self._call, 1)

    def _transfer(self, out: messages.Out, data: bytes, count: int) -> bytes | None:
        ask = self._line.watch.ask
        if out.flags & OutFlag.READ:
            return self._bus.read(out.address >> 1, count, ask)
        return b"" if self._bus.write(out.address >> 1, data, ask) else None


def _state(body: bytes) -> VringState:
    state = unpack_exactly(VringState, body)
    if state.queue:
        raise ValueError(f"queue {state.queue} of an adapter that has one")
    return state


def _one(body: bytes, descriptors: list[int]) -> int | None:
    """Return the descriptor of a message, None if the message says that it has none."""
    wanted = 0 if unpack_exactly(Number, body).value & messages.NO_DESCRIPTOR else 1
    if len(descriptors) != wanted:
        raise ValueError(f"{len(descriptors)} descriptors instead of {wanted}")
    return descriptors[0] if descriptors else None


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
