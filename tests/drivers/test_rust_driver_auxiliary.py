"""rust_driver_auxiliary: a PCI driver that makes two auxiliary devices, and the driver for those."""

from __future__ import annotations

import pytest
from tests.drivers import sysfs

from rustbed import Vm

pytestmark = [
    pytest.mark.needs("rust_driver_auxiliary"),
    pytest.mark.machine(devices=["pci-testdev"]),
]

PARENT = "rust_driver_auxiliary"
CHILD = "rust_driver_auxiliary.rust_driver_auxiliary"
CHILDREN = ["rust_driver_auxiliary.auxiliary.0", "rust_driver_auxiliary.auxiliary.1"]
DEVICES = "/sys/bus/auxiliary/devices"


def connected(parent: str, number: int, ids: str = "VendorID=REDHAT, DeviceID=0x5") -> list[str]:
    """Return what is said when an auxiliary device is bound and reaches its parent."""
    probing = f"{CHILD} {CHILDREN[number]}: Probing auxiliary driver for auxiliary device with id={number}"
    reached = [
        [
            f"Connect auxiliary 0 with parent: {ids}",
            "Connected to auxiliary device with index 0.",
        ],
        ["Connected to auxiliary device with index 1 (via Mutex)."],
    ]
    return [probing, *(f"{PARENT} {parent}: {text}" for text in reached[number])]


def said(vm: Vm) -> list[str]:
    """Return what both drivers said, in order."""
    return [record.text for record in vm.log.matching(rf"^{PARENT}")]


def test_parent_makes_two_devices_which_reach_it(vm: Vm) -> None:
    parent = sysfs.testdev(vm)
    with vm.module(PARENT):
        assert sysfs.listing(vm, DEVICES) == CHILDREN
        assert sysfs.bound(vm, "auxiliary", CHILD) == CHILDREN
        assert sysfs.bound(vm, "pci", PARENT) == [parent]
        assert all(sysfs.exists(vm, f"/sys/bus/pci/devices/{parent}/{child}") for child in CHILDREN)
        assert said(vm) == connected(parent, 0) + connected(parent, 1)
        assert {record.level for record in vm.log.matching(rf"^{PARENT}")} == {6}
        # this bus has ids and nothing else to match by
        assert sysfs.listing(vm, f"/sys/bus/auxiliary/drivers/{CHILD}") == sorted(
            ["bind", "module", *CHILDREN, "uevent", "unbind"]
        )
    assert sysfs.listing(vm, DEVICES) == []
    left = [f"/sys/bus/auxiliary/drivers/{CHILD}", f"/sys/bus/pci/drivers/{PARENT}", f"/sys/module/{PARENT}"]
    assert [path for path in left if sysfs.exists(vm, path)] == []


def test_child_can_be_unbound_and_bound_alone(vm: Vm) -> None:
    parent = sysfs.testdev(vm)
    with vm.module(PARENT):
        for number, child in enumerate(CHILDREN):
            vm.mark_log()
            sysfs.unbind(vm, "auxiliary", CHILD, child)
            assert sysfs.bound(vm, "auxiliary", CHILD) == [other for other in CHILDREN if other != child]
            assert sysfs.listing(vm, DEVICES) == CHILDREN
            assert said(vm) == []
            sysfs.bind(vm, "auxiliary", CHILD, child)
            assert sysfs.bound(vm, "auxiliary", CHILD) == CHILDREN
            assert said(vm) == connected(parent, number)


def test_children_come_and_go_with_their_parent(vm: Vm) -> None:
    parent = sysfs.testdev(vm)
    with vm.module(PARENT):
        for take, give, text in [
            (f"/sys/bus/pci/drivers/{PARENT}/unbind", f"/sys/bus/pci/drivers/{PARENT}/bind", parent),
            (f"/sys/bus/pci/devices/{parent}/remove", "/sys/bus/pci/rescan", "1"),
        ]:
            vm.write(take, text)
            assert sysfs.listing(vm, DEVICES) == []
            vm.mark_log()
            vm.write(give, text)
            assert sysfs.bound(vm, "auxiliary", CHILD) == CHILDREN
            assert said(vm) == connected(parent, 0) + connected(parent, 1)


@pytest.mark.machine(devices=["virtio-rng-pci"])
def test_override_makes_a_parent_of_any_pci_device(vm: Vm) -> None:
    parent = sysfs.free_virtio_rng(vm)
    sysfs.override(vm, "pci", parent, PARENT)
    device = int(vm.read(f"/sys/bus/pci/devices/{parent}/device"), 16)
    with vm.module(PARENT):
        assert sysfs.bound(vm, "auxiliary", CHILD) == CHILDREN
        ids = f"VendorID=REDHAT_QUMRANET, DeviceID={device:#x}"
        assert said(vm) == connected(parent, 0, ids) + connected(parent, 1)
    assert sysfs.listing(vm, DEVICES) == []


@pytest.mark.machine(devices=[])
@pytest.mark.usefixtures("hotplug_testdev")
def test_parent_that_is_plugged_in_late_brings_its_children(vm: Vm) -> None:
    with vm.module(PARENT):
        assert sysfs.listing(vm, DEVICES) == []
        parent = vm.plug("pci-testdev").address
        vm.wait_for(lambda: len(said(vm)) == 5, "the children to be probed")
        assert said(vm) == connected(parent, 0) + connected(parent, 1)
        assert sysfs.bound(vm, "auxiliary", CHILD) == CHILDREN


@pytest.mark.machine(devices=["pci-testdev", "pci-testdev"])
@pytest.mark.expect_splat("duplicate filename")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="both parents give their children the same ids: docs/findings/auxiliary-ids-are-constants.md",
)
def test_two_parents_have_two_children_each(vm: Vm) -> None:
    parents = sysfs.testdevs(vm)
    vm.insmod(PARENT)
    assert sysfs.bound(vm, "pci", PARENT) == parents
