"""Classes of USB devices that make no sense are refused when they are made."""

from __future__ import annotations

import pytest

from rustbed.devices.usb.descriptors import Endpoint
from rustbed.devices.usb.model import UsbDevice
from rustbed.errors import UsageError


def make(**body: object) -> type:
    return type("Odd", (UsbDevice,), {"vendor_id": 1, "product_id": 2, **body})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"vendor_id": 0x10000}, "Odd: vendor_id is 65536"),
        ({"product_id": None}, "Odd: product_id is None"),
        ({"endpoints": (Endpoint(0x80),)}, "Odd: 0x80 is not an endpoint address"),
        ({"endpoints": (Endpoint(0x11),)}, "Odd: 0x11 is not an endpoint address"),
        ({"endpoints": (Endpoint(0x81), Endpoint(0x81))}, "Odd: endpoint 0x81 is declared twice"),
        ({"endpoints": (Endpoint(0x81, packet=0),)}, "Odd: endpoint 0x81 has an invalid packet"),
    ],
)
def test_impossible_class_is_refused(body: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make(**body)


def test_same_address_in_both_directions_is_two_endpoints() -> None:
    assert make(endpoints=(Endpoint(0x01), Endpoint(0x81))).__name__ == "Odd"
