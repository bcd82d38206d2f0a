"""The vhost-user protocol: handles QEMU's messages.

Knows the protocol and its queues; the server owns the thread and the socket.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from rustbed.devices.connection import BrokenStreamError
from rustbed.devices.layouts import layout, pack, unpack, unpack_exactly
from rustbed.devices.stream import Line
from rustbed.devices.vhost import messages
from rustbed.devices.vhost.messages import ConfigRange, Header, Number, Request, VringAddress, VringState
from rustbed.devices.vhost.queue import Queue, Requests
from rustbed.devices.vhost.virtqueue import Memory

# bytes of the longest accepted message, and descriptors that may come with one: the specification requires
# at least this many memory regions
_LONGEST, _REGIONS = 4096, 8
# VIRTIO_F_EVENT_IDX, by which notifications are suppressed in the rings; not offered
_EVENT_INDEX = 1 << 29


class Vhost:
    """The connection to one QEMU that has the device."""

    def __init__(self, requests: Requests, sock: socket.socket, line: Line) -> None:
        self._requests, self._socket = requests, sock
        self._memory: Memory | None = None
        self._queues = [Queue(number, requests, line) for number in range(requests.queues)]
        # handlers by request; some return an answer
        self._answers: dict[int, Callable[[bytes, list[int]], int | bytes | None]] = {
            Request.GET_FEATURES: lambda _, __: messages.FEATURES | requests.features,
            Request.SET_FEATURES: self._set_features,
            Request.SET_OWNER: lambda _, __: None,
            Request.SET_MEM_TABLE: self._set_memory,
            Request.SET_VRING_NUM: lambda body, _: self._said(body, Queue.resize),
            Request.SET_VRING_ADDR: self._set_address,
            Request.SET_VRING_BASE: lambda body, _: self._said(body, Queue.begin_at),
            Request.GET_VRING_BASE: self._stop,
            Request.SET_VRING_KICK: lambda body, given: self._set_descriptor(Queue.set_kick, body, given),
            Request.SET_VRING_CALL: lambda body, given: self._set_descriptor(Queue.set_call, body, given),
            Request.SET_VRING_ERR: lambda _, descriptors: _close(descriptors),
            Request.GET_PROTOCOL_FEATURES: lambda _, __: (
                messages.PROTOCOL_FEATURES | (messages.CONFIG_SPACE if requests.config else 0)
            ),
            Request.SET_PROTOCOL_FEATURES: lambda _, __: None,
            Request.GET_QUEUE_NUM: lambda _, __: requests.queues,
            Request.SET_VRING_ENABLE: lambda body, _: self._said(
                body, lambda queue, number: queue.enable(bool(number))
            ),
            Request.GET_CONFIG: self._get_config,
            # nothing in such a space can be written: the driver's bytes are dropped
            Request.SET_CONFIG: lambda _, __: None,
        }

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

    def close(self) -> None:
        """Free the resources of this connection."""
        for queue in self._queues:
            queue.close()
        if self._memory is not None:
            self._memory.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise ValueError(f"QEMU closed {count - len(data)} bytes before a message's end")
            data += more
        return data

    def _answer(self, header: Header, answer: int | bytes | None) -> None:
        if answer is None and not header.flags & messages.NEEDS_REPLY:
            return
        body = answer if isinstance(answer, bytes) else pack(Number(answer or 0))
        reply = Header(header.request, messages.VERSION | messages.REPLY, len(body))
        self._socket.sendall(pack(reply) + body)

    # -- handlers ----------------------------------------------------------------

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

    def _set_address(self, body: bytes, _: list[int]) -> None:
        address = unpack_exactly(VringAddress, body)
        queue = self._queue(address.queue)
        if self._memory is None:
            raise ValueError(f"the address of queue {address.queue} comes before the memory")
        queue.place(self._memory, address)

    def _set_descriptor(
        self, use: Callable[[Queue, int | None], None], body: bytes, descriptors: list[int]
    ) -> None:
        value = unpack_exactly(Number, body).value
        wanted = 0 if value & messages.NO_DESCRIPTOR else 1
        if len(descriptors) != wanted:
            raise ValueError(f"{len(descriptors)} descriptors instead of {wanted}")
        use(self._queue(value & 0xFF), descriptors[0] if descriptors else None)

    def _stop(self, body: bytes, _: list[int]) -> bytes:
        number = unpack_exactly(VringState, body).queue
        return pack(VringState(number, self._queue(number).stop()))

    def _get_config(self, body: bytes, _: list[int]) -> bytes:
        wanted, rest = unpack(ConfigRange, body)
        end = wanted.offset + wanted.size
        if len(rest) != wanted.size or end > len(self._requests.config):
            raise ValueError(f"{wanted} of {len(self._requests.config)} bytes")
        return pack(wanted) + self._requests.config[wanted.offset : end]

    def _said(self, body: bytes, use: Callable[[Queue, int], None]) -> None:
        """Let a queue take a number that QEMU says of it."""
        state = unpack_exactly(VringState, body)
        use(self._queue(state.queue), state.number)

    def _queue(self, number: int) -> Queue:
        if number >= len(self._queues):
            raise ValueError(f"queue {number} of a device that has {len(self._queues)}")
        return self._queues[number]


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
