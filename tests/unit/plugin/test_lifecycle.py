"""What a lifecycle marker may name as its device."""

from __future__ import annotations

import pytest

from rustbed import PciDevice
from rustbed.errors import UsageError
from rustbed.plugin.lifecycle import require_model


class Device(PciDevice):
    vendor_id, device_id = 0x1B36, 0x0005


class Broken(Device):
    def __init__(self) -> None:
        raise ValueError("no register map")


def test_class_of_a_device_is_taken() -> None:
    require_model(Device)


def test_class_that_raises_is_refused_with_its_reason() -> None:
    with pytest.raises(UsageError, match=r"^Broken\(\) raised ValueError: no register map"):
        require_model(Broken)


def test_class_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a device"):
        require_model(dict)  # type: ignore[arg-type]
