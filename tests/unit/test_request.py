"""What a test asks of its machine, and what it is told when that makes no sense."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.kernels import make_kernel

from rustbed.arch import ARCHES, Arch, Firmware
from rustbed.cache import Cache
from rustbed.devices.card import card
from rustbed.devices.device import Device, Served
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.models import device_of
from rustbed.devices.pci import PciDevice
from rustbed.devices.serial import SerialPeer
from rustbed.errors import UsageError
from rustbed.host import Qemu
from rustbed.image.initramfs import Image
from rustbed.machine.platformdevice import PlatformDevice
from rustbed.machine.spec import Hardware
from rustbed.prepare import Platform
from rustbed.request import MachineRequest, incapable, resolve_spec
from rustbed.toolroot.toolchain import Toolchain

TOY = PlatformDevice(name="toy", compatible="acme,toy")


def test_marker_replaces_the_fields_it_names() -> None:
    asked = MachineRequest().updated({"devices": "edu", "cpus": 2, "profile": "debug"})
    hardware = Hardware(devices=("pci-testdev",), cpus=2, memory_mib=512)
    assert asked.updated({"devices": ["pci-testdev"], "memory_mib": 512}) == MachineRequest(
        hardware=hardware, profile="debug"
    )


def test_single_string_is_a_list_of_one() -> None:
    assert MachineRequest().updated({"cmdline": "quiet"}).hardware.cmdline == ("quiet",)


def test_nothing_takes_back_what_an_outer_marker_asked_for() -> None:
    outer = MachineRequest(device_tree="a.dts", hardware=Hardware(devices=("edu",)), profile="debug")
    assert outer.updated({"device_tree": None, "devices": (), "profile": None}) == MachineRequest()


def test_unknown_keyword_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError, match="a machine has no colour, memory") as caught:
        MachineRequest().updated({"memory": 512, "colour": "red", "cpus": 1})
    assert "memory_mib" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("devices", 5, "devices takes arguments of -device, Device values"),
        (
            "devices",
            ["edu", 5],
            "devices takes arguments of -device, Device values and devices written in Python",
        ),
        ("acpi", {"a.dsl"}, "acpi takes a string or a list of strings"),
        ("cmdline", None, "cmdline takes a string or a list of strings"),
        ("memory_mib", "256", "memory_mib takes a number, at least 1"),
        ("memory_mib", 0, "memory_mib takes a number, at least 1"),
        ("cpus", True, "cpus takes a number, at least 1"),
        ("cpus", 1.5, "cpus takes a number, at least 1"),
        ("free_ports", -1, "free_ports takes a number, at least 0"),
        ("device_tree", ["a.dts"], "device_tree takes a string"),
        ("device_tree", Path("a.dts"), "device_tree takes a string"),
        ("profile", 1, "profile takes a string"),
        ("platform_devices", ["edu"], "platform_devices takes PlatformDevice values"),
    ],
)
def test_value_of_another_type_is_refused(name: str, value: object, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        MachineRequest().updated({name: value})
    assert caught.value.facts["given"] == repr(value)


@pytest.mark.parametrize(
    ("firmware", "asked", "why"),
    [
        (Firmware.ACPI, MachineRequest(acpi=("a.dsl",), device_tree="a.dts"), None),
        (Firmware.DEVICE_TREE, MachineRequest(device_tree="a.dts"), None),
        (Firmware.DEVICE_TREE, MachineRequest(acpi=("a.dsl",)), "arm64's machine has no ACPI"),
        (Firmware.NONE, MachineRequest(acpi=("a.dsl",)), "arm64's machine has no ACPI"),
        (Firmware.NONE, MachineRequest(device_tree="a.dts"), "arm64's machine takes no device tree"),
        (Firmware.NONE, MachineRequest(), None),
        (Firmware.ACPI, MachineRequest(platform_devices=(TOY,)), None),
        (
            Firmware.NONE,
            MachineRequest(platform_devices=(TOY,)),
            "arm64's machine has no firmware that describes devices",
        ),
    ],
)
def test_machine_without_the_firmware_is_named(
    firmware: Firmware, asked: MachineRequest, why: str | None
) -> None:
    assert incapable(asked, replace(ARCHES["arm64"], firmware=firmware)) == why


class Card(PciDevice):
    vendor_id, device_id = 0x1B36, 0x0005


def refuse(_: Path | None) -> AbstractContextManager[Served]:
    pytest.fail("nothing is started to answer what a machine can have")


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("arm", ("pci-testdev", "edu,id=mine"), None),
        ("loongarch64", ("virtio-rng-pci",), None),
        ("loongarch64", ("edu,id=mine", "pci-testdev"), "QEMU for loongarch64 has no edu, pci-testdev"),
        ("loongarch64", (Device(name="mine", serve=refuse),), None),
        (
            "loongarch64",
            (card("virtio-rng-pci", "edu", Device(name="mine", serve=refuse)),),
            "QEMU for loongarch64 has no edu",
        ),
        ("arm64", (card("virtio-rng-pci", "edu"),), None),
        ("loongarch64", ('{"driver": "edu"}',), "QEMU for loongarch64 has no edu"),
        # in neither form, and QEMU's to tell
        ("loongarch64", ('{"driver"', "[1]"), None),
        ("s390x", (Device(name="mine", serve=refuse, has_msix=True), "virtio-rng-pci"), None),
        ("s390x", (Device(name="mine", serve=refuse),), "s390x's machine takes PCI devices with MSI-X only"),
        ("s390x", (I2cBus(),), "s390x's machine takes PCI devices with MSI-X only"),
        ("s390x", (card("virtio-rng-pci"),), "QEMU for s390x has no pcie-root-port"),
        ("powerpc64le", (device_of(Card()),), "QEMU for powerpc64le has no vfio-user-pci"),
        (
            "powerpc64le",
            (card(Card()),),
            "QEMU for powerpc64le has no pcie-root-port, vfio-user-pci",
        ),
        ("powerpc64le", (I2cBus(), "pci-testdev"), None),
        ("s390x", (SerialPeer(),), "s390x's machine has serial ports: 1, and the console has the first"),
        ("arm64", (SerialPeer(),), None),
        (
            "arm64",
            (SerialPeer(), SerialPeer()),
            "arm64's machine has serial ports: 2, and the console has the first",
        ),
        ("riscv64", (SerialPeer(),), "riscv64's machine has serial ports: 1, and the console has the first"),
    ],
)
def test_machine_without_a_device_is_named(
    name: str, asked: tuple[str | Device | SerialPeer, ...], why: str | None
) -> None:
    assert incapable(MachineRequest().updated({"devices": asked}), ARCHES[name]) == why


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    arch: Arch = ARCHES["x86_64"]
    kernel = make_kernel(arch=arch, image=tmp_path / "bzImage")
    return Platform(
        kernel=kernel,
        image=Image(path=tmp_path / "initramfs.cpio", key="fake", spec="fake"),
        qemu=Qemu(program=("qemu",), version=(11, 1, 3)),
        compilers=lambda: Toolchain(root=None, versions=(), identity="fake"),
        accel="tcg",
    )


def test_request_becomes_a_spec(platform: Platform, tmp_path: Path) -> None:
    hardware = Hardware(devices=("edu",), memory_mib=512, cpus=2, cmdline=("quiet",), free_ports=0)
    asked = MachineRequest(hardware=hardware)
    spec = resolve_spec(platform, asked, base=tmp_path, cache=Cache(tmp_path))
    assert spec.hardware == hardware
    assert (spec.accel, spec.initramfs, spec.dtb, spec.acpi_tables) == ("tcg", platform.image.path, None, ())


@pytest.mark.parametrize(("asked_mib", "given_mib"), [(1, 256), (256, 256), (257, 512), (1000, 1024)])
def test_memory_comes_in_the_machines_units(
    platform: Platform, tmp_path: Path, asked_mib: int, given_mib: int
) -> None:
    row = replace(platform.kernel.arch, memory_unit_mib=256)
    coarse = replace(platform, kernel=replace(platform.kernel, arch=row))
    asked = MachineRequest().updated({"memory_mib": asked_mib})
    spec = resolve_spec(coarse, asked, base=tmp_path, cache=Cache(tmp_path))
    assert spec.hardware == replace(asked.hardware, memory_mib=given_mib)


@pytest.mark.parametrize("kind", ["device_tree", "acpi"])
@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("nosuch.src", "no such firmware source: .*/nosuch.src"),
        ("directory", "cannot read the firmware source .*/directory"),
        ("binary", "cannot read the firmware source .*/binary"),
    ],
)
def test_source_that_cannot_be_read_is_named(
    platform: Platform, tmp_path: Path, kind: str, given: str, complaint: str
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    asked = MachineRequest().updated({kind: given})
    with pytest.raises(UsageError, match=complaint):
        resolve_spec(platform, asked, base=tmp_path, cache=Cache(tmp_path))
