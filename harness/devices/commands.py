"""Handlers of the vfio-user commands.

Knows the protocol and the device. The server receives messages and sends
replies and refusals.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Protocol

from rustbed.devices import messages
from rustbed.devices.connection import Message
from rustbed.devices.guest_memory import GuestMemory
from rustbed.devices.interrupts import Interrupts
from rustbed.devices.layouts import layout, pack, unpack, unpack_exactly
from rustbed.devices.messages import Command, Irq, Region
from rustbed.devices.pci import PciDevice

_ACCESS = layout(messages.Access)
_WIDTHS = (1, 2, 4, 8)
# a plain int, because every access needs it and an enum member is slower to look up
_CONFIG = int(Region.CONFIG)


class Ask(Protocol):
    """Runs a piece of the device's code."""

    def __call__(self, what: str, call: Callable[..., object], *arguments: object) -> object:
        """Call it and return its result, None if the device has failed."""


class Commands:
    """The commands that QEMU sends to a device. A refusal is an OSError with the errno for QEMU."""

    def __init__(self, device: PciDevice, memory: GuestMemory, interrupts: Interrupts, ask: Ask) -> None:
        self._device = device
        self._memory = memory
        self._interrupts = interrupts
        self._ask = ask
        self._answers: dict[int, Callable[[Message], bytes]] = {
            Command.REGION_READ: self._region_read,
            Command.REGION_WRITE: self._region_write,
            Command.REGION_WRITE_MULTI: self._region_write_multi,
            Command.VERSION: self._version,
            Command.DMA_MAP: self._dma_map,
            Command.DMA_UNMAP: self._dma_unmap,
            Command.GET_INFO: self._get_info,
            Command.GET_REGION_INFO: self._get_region_info,
            Command.GET_IRQ_INFO: self._get_irq_info,
            Command.SET_IRQS: self._set_irqs,
            Command.RESET: self._reset,
        }

    def find(self, command: int) -> Callable[[Message], bytes] | None:
        """Return the handler of a command, None for one that is optional or unknown.

        The handler returns the reply's body; it raises OSError or ValueError if the message is malformed.
        """
        return self._answers.get(command)

    def _version(self, message: Message) -> bytes:
        version, _ = unpack(messages.Version, message.body)
        if version.major != 0:
            raise OSError(errno.EINVAL, f"version {version.major}.{version.minor}")
        offered = {
            "capabilities": {
                "max_msg_fds": messages.MAX_DESCRIPTORS,
                "max_data_xfer_size": messages.MAX_TRANSFER,
                "write_multiple": True,
            }
        }
        # the minor version must not be above the proposed one; ours is the lowest there is
        return pack(messages.Version(0, 0)) + json.dumps(offered).encode() + b"\0"

    def _dma_map(self, message: Message) -> bytes:
        wanted = unpack_exactly(messages.DmaMap, message.body)
        if len(message.descriptors) > 1:
            raise OSError(errno.EINVAL, f"{len(message.descriptors)} descriptors for one mapping")
        self._memory.map(wanted, message.descriptors[0] if message.descriptors else None)
        return b""

    def _dma_unmap(self, message: Message) -> bytes:
        wanted = unpack_exactly(messages.DmaUnmap, message.body)
        self._memory.unmap(wanted)
        return message.body

    def _get_info(self, message: Message) -> bytes:
        unpack_exactly(messages.Info, message.body)
        flags = messages.CAN_RESET | messages.IS_PCI
        size = layout(messages.Info).size
        return pack(messages.Info(argsz=size, flags=flags, regions=max(Region) + 1, irqs=len(Irq)))

    def _get_region_info(self, message: Message) -> bytes:
        asked = unpack_exactly(messages.RegionInfo, message.body)
        if asked.number > max(Region):
            raise OSError(errno.EINVAL, f"there is no region {asked.number}")
        size = self._device.size_of(asked.number)
        flags = messages.CAN_READ | messages.CAN_WRITE if size else 0
        argsz = layout(messages.RegionInfo).size
        return pack(messages.RegionInfo(argsz, flags, asked.number, 0, size, 0))

    def _get_irq_info(self, message: Message) -> bytes:
        asked = unpack_exactly(messages.IrqInfo, message.body)
        if asked.number >= len(Irq):
            raise OSError(errno.EINVAL, f"there is no kind {asked.number} of interrupts")
        kind = Irq(asked.number)
        more = messages.MASKABLE | messages.AUTOMASKED if kind is Irq.INTX else messages.NORESIZE
        argsz = layout(messages.IrqInfo).size
        return pack(messages.IrqInfo(argsz, messages.EVENTFD | more, kind, self._interrupts.counts[kind]))

    def _set_irqs(self, message: Message) -> bytes:
        wanted, data = unpack(messages.IrqSet, message.body)
        self._interrupts.set(wanted, data, message.descriptors)
        return b""

    def _reset(self, message: Message) -> bytes:
        self._ask("on_reset", self._device.reset)
        return b""

    def _region_read(self, message: Message) -> bytes:
        if len(message.body) != _ACCESS.size:
            raise ValueError(f"Access has {len(message.body)} bytes instead of {_ACCESS.size}")
        offset, region, count = _ACCESS.unpack(message.body)
        self._check_range(region, offset, count)
        if region == _CONFIG:
            # even if the device has failed: QEMU itself walks configuration space, and all-ones would loop
            return message.body + self._device.read(region, offset, count)
        data = self._ask("a read", self._device.read, region, offset, count)
        # a device that is gone reads as all-ones
        return message.body + (data if isinstance(data, bytes) else b"\xff" * count)

    def _region_write(self, message: Message) -> bytes:
        body = message.body
        if len(body) < _ACCESS.size:
            raise ValueError(f"Access has {len(body)} bytes instead of {_ACCESS.size}")
        offset, region, count = _ACCESS.unpack_from(body)
        self._write(region, offset, count, body[_ACCESS.size :])
        return body[: _ACCESS.size]

    def _region_write_multi(self, message: Message) -> bytes:
        wanted, rest = unpack(messages.WriteCount, message.body)
        for _ in range(wanted.total):
            one, rest = unpack(messages.OneWrite, rest)
            self._write(one.region, one.offset, one.length, rest[: one.length])
            rest = rest[8:]
        if rest:
            raise ValueError(f"{len(rest)} bytes follow {wanted.total} writes")
        return pack(wanted)

    def _write(self, region: int, offset: int, count: int, data: bytes) -> None:
        if len(data) != count:
            raise ValueError(f"{len(data)} bytes come with a write of {count}")
        self._check_range(region, offset, count)
        self._ask("a write", self._device.write, region, offset, data)

    def _check_range(self, region: int, offset: int, count: int) -> None:
        size = self._device.size_of(region)
        if offset + count > size:
            raise ValueError(f"{count} bytes at {offset:#x} of region {region}, which has {size}")
        if region != _CONFIG and count not in _WIDTHS:
            raise ValueError(f"{count} bytes at once at {offset:#x} of region {region}")
