"""rust_driver_pci: a PCI driver for QEMU's pci-testdev that reads its registers and config space."""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of
from tests.drivers.conftest import MachineWith

from rustbed import Bar, PciDevice, Read, Vm, Write
from rustbed.devices.reference.testdev import PciTestdev

pytestmark = [
    pytest.mark.needs("rust_driver_pci"),
    pytest.mark.machine(devices=["pci-testdev"]),
]

DRIVER = "rust_driver_pci"
SYSFS = f"/sys/bus/pci/drivers/{DRIVER}"
INFO = 6

# what new_id does not take: no driver data, data that is no entry, an id there is already, half a line
NEW_IDS = [
    ("1b36 0008", errno.EINVAL),
    ("1b36 0008 ffffffff ffffffff 0 0 1", errno.EINVAL),
    ("1b36 0005", errno.EEXIST),
    ("1b36", errno.EINVAL),
]


def probe_messages(vm: Vm, address: str) -> list[tuple[int, str]]:
    """Return what a probe says about a device."""
    return [
        (INFO, "pci-testdev data-match count: 1"),
        (INFO, "pci-testdev config space read8 rev ID: 0"),
        (INFO, "pci-testdev config space read16 vendor ID: 1b36"),
        (INFO, f"pci-testdev config space read32 BAR 0: {sysfs.bar_register(vm, address, 0):x}"),
    ]


def said(vm: Vm, address: str) -> list[tuple[int, str]]:
    """Return what the driver said; that a device is being enabled comes from the PCI core, and not always."""
    lines = sysfs.levels_and_texts(vm.log, DRIVER, address)
    return [line for line in lines if not line[1].startswith("enabling device")]


def claims(vm: Vm) -> list[tuple[int, int]]:
    return [(region.start, region.end) for region in sysfs.iomem(vm, DRIVER)]


def test_probe_enables_the_device_and_reads_it(vm: Vm) -> None:
    address = sysfs.testdev(vm)
    device = f"/sys/bus/pci/devices/{address}"
    with vm.module(DRIVER):
        assert said(vm, address) == probe_messages(vm, address)
        # memory and bus mastering in PCI's command register; config space is little-endian on every machine
        command = int.from_bytes(vm.pull(f"{device}/config")[4:6], "little")
        assert (command & 0b110, vm.read(f"{device}/enable")) == (0b110, "1\n")


def test_bar_is_claimed_while_bound(vm: Vm) -> None:
    address = sysfs.testdev(vm)
    bar = sysfs.bar(vm, address, 0)
    with vm.module(DRIVER):
        assert (sysfs.bound(vm, "pci", DRIVER), claims(vm)) == ([address], [bar])
        sysfs.unbind(vm, "pci", DRIVER, address)
        assert (sysfs.bound(vm, "pci", DRIVER), claims(vm)) == ([], [])
        assert said(vm, address) == probe_messages(vm, address)
        sysfs.bind(vm, "pci", DRIVER, address)
        assert (sysfs.bound(vm, "pci", DRIVER), claims(vm)) == ([address], [bar])
        assert said(vm, address) == 2 * probe_messages(vm, address)
    assert claims(vm) == []


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the Rust PCI abstraction never disables a device: docs/findings/pci-device-stays-enabled.md",
)
def test_unbind_disables_the_device(vm: Vm) -> None:
    address = sysfs.testdev(vm)
    with vm.module(DRIVER):
        sysfs.unbind(vm, "pci", DRIVER, address)
        assert vm.read(f"/sys/bus/pci/devices/{address}/enable") == "0\n"


@pytest.mark.machine(devices=["pci-testdev", "pci-testdev"])
def test_every_device_is_probed_and_none_remembered(vm: Vm) -> None:
    addresses = sysfs.testdevs(vm)
    assert len(addresses) == 2
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "pci", DRIVER) == addresses
        assert sorted(claims(vm)) == sorted(sysfs.bar(vm, address, 0) for address in addresses)
        for address in addresses:
            assert said(vm, address) == probe_messages(vm, address)
    assert claims(vm) == []
    left = [
        SYSFS,
        f"/sys/module/{DRIVER}",
        *(f"/sys/bus/pci/devices/{address}/driver" for address in addresses),
    ]
    assert [path for path in left if sysfs.exists(vm, path)] == []


@pytest.mark.machine(devices=["virtio-rng-pci"])
def test_foreign_devices_are_refused(vm: Vm) -> None:
    foreign = sysfs.free_virtio_rng(vm)
    with vm.module(DRIVER):
        for line, refusal in NEW_IDS:
            assert (line, errno_of(vm.write, f"{SYSFS}/new_id", line)) == (line, refusal)
        # a device that matches by override only has no driver data
        sysfs.override(vm, "pci", foreign, DRIVER)
        assert errno_of(sysfs.bind, vm, "pci", DRIVER, foreign) == errno.ENODEV
        assert said(vm, foreign) == []


def test_removed_device_comes_back_with_a_rescan(vm: Vm) -> None:
    address = sysfs.testdev(vm)
    with vm.module(DRIVER):
        vm.write(f"/sys/bus/pci/devices/{address}/remove", "1")
        assert (sysfs.testdevs(vm), claims(vm)) == ([], [])
        vm.mark_log()
        vm.write("/sys/bus/pci/rescan", "1")
        assert sysfs.bound(vm, "pci", DRIVER) == [address]
        # the BAR may be somewhere else now
        assert said(vm, address) == probe_messages(vm, address)
        assert claims(vm) == [sysfs.bar(vm, address, 0)]


@pytest.mark.machine(devices=[])
@pytest.mark.usefixtures("hotplug_testdev")
def test_hotplugged_devices_come_and_go(vm: Vm) -> None:
    before = vm.plug("pci-testdev")
    with vm.module(DRIVER):
        # the kernel shows a device before it offers it to drivers, and may not have done so yet
        vm.wait_for(lambda: len(said(vm, before.address)) == 4, "the first device to be probed")
        assert sysfs.bound(vm, "pci", DRIVER) == [before.address]
        after = vm.plug("pci-testdev")
        # the kernel shows a device as bound while its probe runs: the probe's last words tell that it is over
        vm.wait_for(lambda: len(said(vm, after.address)) == 4, "the second device to be probed")
        for device in (before, after):
            assert said(vm, device.address) == probe_messages(vm, device.address)
        vm.unplug(before)
        assert sysfs.bound(vm, "pci", DRIVER) == [after.address]
        assert claims(vm) == [sysfs.bar(vm, after.address, 0)]
    assert claims(vm) == []


@pytest.mark.machine(devices=[])
@pytest.mark.usefixtures("hotplug_testdev")
def test_every_function_of_a_card_is_probed(vm: Vm) -> None:
    ours = [PciTestdev(), PciTestdev()]
    with vm.module(DRIVER):
        with vm.plugged(ours[0], "pci-testdev", ours[1]) as card:
            assert card.addresses == tuple(f"{card.address[:-1]}{number}" for number in range(3))
            vm.wait_for(lambda: len(vm.log.matching("read32 BAR 0: ")) == 3, "three probes")
            assert tuple(sysfs.bound(vm, "pci", DRIVER)) == card.addresses
            assert [said(vm, address) for address in card.addresses] == [
                probe_messages(vm, address) for address in card.addresses
            ]
            assert ours[0].trace == ours[1].trace
            assert len(ours[0].trace) == 5
        assert (sysfs.bound(vm, "pci", DRIVER), claims(vm)) == ([], [])


class Sixteen(PciDevice):
    """The registers that the driver knows, and no byte behind them."""

    vendor_id, device_id = 0x1B36, 0x0005
    regs = Bar(0, size=16)
    test = regs.register(0, width=1)
    offset = regs.register(4, reset=9)
    data = regs.register(8, width=1, reset=0xFA)
    count = regs.register(12)
    # without it, s390x's machine does not take the device
    msix = 1


@pytest.mark.machine(devices=[])
def test_unbind_selects_the_test_again_on_a_device_with_these_registers_only(
    machine_with: MachineWith,
) -> None:
    device = Sixteen()
    with machine_with(device) as vm, vm.module(DRIVER):
        vm.wait_for(lambda: vm.log.matching("read32 BAR 0: "), "the end of the probe")
        assert vm.log.matching("read16 vendor ID: 1b36$")
        assert device.trace == [
            Write(0, 0, 1, 0), Read(0, 4, 4, 9), Read(0, 8, 1, 0xFA), Write(0, 9, 1, 0xFA), Read(0, 12, 4, 0)
        ]  # fmt: skip
        device.forget()
        sysfs.unbind(vm, "pci", DRIVER, sysfs.testdev(vm))
        assert device.trace == [Write(0, 0, 1, 0)]


# -- three samples claim the same ids ------------------------------------------------


@pytest.mark.needs("rust_dma")
@pytest.mark.usefixtures("long_segments")
def test_driver_loaded_first_takes_all(vm: Vm) -> None:
    address = sysfs.testdev(vm)
    vm.insmod(DRIVER)
    with vm.module("rust_dma"):
        assert sysfs.bound(vm, "pci", DRIVER) == [address]
        vm.rmmod(DRIVER)
        # nobody asks the other driver again
        assert sysfs.bound(vm, "pci", "rust_dma") == []
        sysfs.bind(vm, "pci", "rust_dma", address)
        assert sysfs.bound(vm, "pci", "rust_dma") == [address]


@pytest.mark.needs("rust_dma")
@pytest.mark.usefixtures("long_segments")
@pytest.mark.machine(devices=["pci-testdev", "pci-testdev"])
def test_override_steers_a_device_until_it_is_removed(vm: Vm) -> None:
    first, second = sysfs.testdevs(vm)
    sysfs.override(vm, "pci", second, "rust_dma")
    with vm.module(DRIVER), vm.module("rust_dma"):
        assert sysfs.bound(vm, "pci", DRIVER) == [first]
        assert sysfs.bound(vm, "pci", "rust_dma") == [second]
        vm.write(f"/sys/bus/pci/devices/{second}/remove", "1")
        vm.write("/sys/bus/pci/rescan", "1")
        assert sysfs.bound(vm, "pci", DRIVER) == [first, second]
        assert sysfs.bound(vm, "pci", "rust_dma") == []
