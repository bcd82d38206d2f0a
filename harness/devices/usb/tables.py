"""Tables of interfaces and endpoints, which USB redirection sends before a device is plugged in; pure."""

from __future__ import annotations

import struct

from rustbed.devices.usb.descriptors import IN, Transfer
from rustbed.devices.usb.model import UsbDevice
from rustbed.devices.usb.packets import ENDPOINTS, EpInfo, InterfaceInfo, index_of

_NO_ENDPOINT = 255


def interfaces(device: UsbDevice) -> InterfaceInfo:
    """Return the table of interfaces, which has one entry."""
    first = (bytes((code,)) for code in device.interface_class)
    return InterfaceInfo(1, b"\0", *first)


def endpoints(device: UsbDevice) -> EpInfo:
    """Return the table of endpoints."""
    types = bytearray((_NO_ENDPOINT,)) * ENDPOINTS
    intervals = bytearray(ENDPOINTS)
    sizes = [0] * ENDPOINTS
    for both in (0, IN):
        types[index_of(both)] = 0
        sizes[index_of(both)] = 64
    for each in device.endpoints:
        index = index_of(each.address)
        types[index], sizes[index] = each.transfer, each.packet
        intervals[index] = each.interval if each.transfer is Transfer.INTERRUPT else 0
    return EpInfo(bytes(types), bytes(intervals), bytes(ENDPOINTS), struct.pack("=32H", *sizes))
