"""What a driver binds to is known from its aliases."""

from __future__ import annotations

from rustbed.arch import ARCHES, require_arch
from rustbed.life.driver import find_device, find_hardware
from rustbed.machine.platformdevice import PlatformDevice

PCI = ("pci:v00001B36d00000005sv*sd*bc*sc*i*",)
PLATFORM = ("of:N*T*Ctest,rust-deviceC*", "of:N*T*Ctest,rust-device", "acpi*:LNUXBEEF:*")


def test_pci_devices_that_qemu_has() -> None:
    arm64 = require_arch("arm64")
    assert find_device(PCI, arm64) == "pci-testdev"
    assert find_device(("pci:v00008086d0000100Esv*sd*bc*sc*i*", *PLATFORM), arm64) is None
    for arch in ARCHES.values():
        has = "pci-testdev" not in arch.lacks
        assert find_hardware(PCI, arch) == ({"devices": ["pci-testdev"]} if has else {})
    assert find_hardware(PCI, require_arch("loongarch64")) == {}


def test_platform_devices_have_every_id_that_the_driver_knows() -> None:
    both = PlatformDevice(name="life", compatible="test,rust-device", acpi_id="LNUXBEEF")
    assert find_hardware(PLATFORM, require_arch("arm64")) == {"platform_devices": both}
    assert find_hardware(PLATFORM, require_arch("x86_64")) == {"platform_devices": both}
    tree = PlatformDevice(name="life", compatible="test,rust-device")
    assert find_hardware(PLATFORM[:2], require_arch("x86_64")) == {"platform_devices": tree}
    acpi = PlatformDevice(name="life", acpi_id="LNUXBEEF")
    assert find_hardware(PLATFORM[2:], require_arch("x86_64")) == {"platform_devices": acpi}
    assert find_hardware(PLATFORM[2:], require_arch("riscv64")) == {}
    assert find_hardware(PLATFORM, require_arch("s390x")) == {}


def test_a_driver_without_aliases_needs_nothing() -> None:
    assert find_hardware((), require_arch("x86_64")) == {}
