"""What every driver should survive, tried on drivers of the kernel's tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Life = Callable[[], None]


@pytest.mark.needs("rust_misc_device")
@pytest.mark.lifecycle("rust_misc_device", ioctls=[0x7C80, 0x80047C81, 0x40047C82])
def test_rust_misc_device(life: Life) -> None:
    life()


@pytest.mark.needs("rust_driver_pci")
@pytest.mark.lifecycle("rust_driver_pci", cycles=50)
def test_rust_driver_pci(life: Life) -> None:
    life()


@pytest.mark.needs("rust_driver_platform")
@pytest.mark.machine(device_tree="firmware/rust-device.dts")
@pytest.mark.lifecycle("rust_driver_platform", cycles=50)
def test_rust_driver_platform(life: Life) -> None:
    life()
