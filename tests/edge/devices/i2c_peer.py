"""The requests of an I2C adapter's driver, for the scripted QEMU."""

from __future__ import annotations

import struct

from tests.edge.devices.vhost_peer import BUFFERS, INDIRECT, IS_TABLE, NEXT, WRITES, Qemu

from rustbed.devices.vhost.messages import Descriptor


def write(qemu: Qemu, address: int, data: bytes, flags: int = 0) -> int:
    """Let the driver write, and return the status."""
    return qemu.queues[0].ask(struct.pack("=HHI", address << 1, 0, flags) + data, 1)[0]


def read(qemu: Qemu, address: int, count: int) -> tuple[int, bytes]:
    """Let the driver read, by a table of descriptors as Linux does; return status and bytes."""
    queue = qemu.queues[0]
    queue.fill(BUFFERS, struct.pack("=HHI", address << 1, 0, 2))
    answer = BUFFERS + 512
    queue.put(
        Descriptor(queue.guest(BUFFERS), 8, NEXT, 1),
        Descriptor(queue.guest(answer), count, NEXT | WRITES, 2),
        Descriptor(queue.guest(answer + count), 1, WRITES, 0),
        at=INDIRECT,
    )
    queue.put(Descriptor(queue.guest(INDIRECT), 48, IS_TABLE, 0))
    queue.offer(0)
    queue.wait()
    return queue.bytes_at(answer + count, 1)[0], queue.bytes_at(answer, count)
