"""rust_driver_usb and a device in Python with its ids, and what user space moves to and from it."""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import READ, WRITE, ioctl_number, layout
from tests.drivers.conftest import MachineWith

from rustbed import Control, Endpoint, Moved, Stall, Struct, SyscallError, Transfer, UsbDevice, Vm

pytestmark = pytest.mark.needs("rust_driver_usb", "CONFIG_USB_XHCI_PCI")

DRIVER = "rust_driver_usb"
OUT, IN, EVENTS = 0x01, 0x81, 0x82
# bmRequestType of a vendor's request to the device, in
FROM_DEVICE = 0xC0
GREET, REFUSE = 1, 2
# struct usbdevfs_ctrltransfer and usbdevfs_bulktransfer (include/uapi/linux/usbdevice_fs.h): the numbers of
# their ioctls, and their members
CONTROL = (0, "BBHHHIP")
BULK = (2, "IIIP")
# milliseconds that a transfer may take; the device is a process of a host that may be busy
LIMIT_MS = 60_000


class Gadget(UsbDevice):
    """Gives back in capitals what it gets, and refuses what it does not know."""

    vendor_id, product_id = 0x1234, 0x5678
    manufacturer, product, serial_number = "rustbed", "Gadget", "0001"
    endpoints = (Endpoint(OUT), Endpoint(IN), Endpoint(EVENTS, Transfer.INTERRUPT, packet=8))

    def on_control(self, request: Control) -> bytes:
        if request.request != GREET:
            raise Stall
        return b"hello" if request.is_in else b""

    def on_out(self, endpoint: int, data: bytes) -> None:
        if data == b"refuse":
            raise Stall
        self.send(IN, data.upper())


def interface(vm: Vm) -> str:
    """Return the kernel's name of the device's interface, once it is there."""
    return vm.wait_for(lambda: find_interface(vm), "the kernel to find the device") or ""


def find_interface(vm: Vm) -> str | None:
    found = vm.run("grep -l 1234 /sys/bus/usb/devices/*/idVendor").output.split("/")
    name = f"{found[5]}:1.0" if len(found) > 5 else ""
    return name if name and sysfs.exists(vm, f"/sys/bus/usb/devices/{name}") else None


@pytest.mark.usefixtures("hotplug")
def test_driver_is_probed_by_its_ids_and_disconnected_when_the_cable_is_pulled(vm: Vm) -> None:
    gadget = Gadget()
    with vm.module(DRIVER), vm.plugged(gadget):
        vm.wait_log("sample probed")
        name = interface(vm)
        assert sysfs.bound(vm, "usb", DRIVER) == [name]
        device = f"/sys/bus/usb/devices/{name.partition(':')[0]}"
        strings = vm.check(f"cd {device}; cat manufacturer product serial bcdDevice")
        assert strings.split() == ["rustbed", "Gadget", "0001", "0100"]
        # the driver itself says nothing to its device
        assert gadget.trace == []
        for _ in range(2):
            gadget.disconnect()
            vm.wait_for(lambda: sysfs.bound(vm, "usb", DRIVER) == [], "the driver to let go")
            gadget.connect()
            vm.wait_for(lambda: sysfs.bound(vm, "usb", DRIVER) == [name], "the driver to come back")
    # the controller went, and the device with it
    vm.wait_for(lambda: len(vm.log.matching("sample disconnected")) == 3, "the last disconnect")
    assert len(vm.log.matching("sample probed")) == 3


def test_requests_and_transfers_arrive_and_are_traced(machine_with: MachineWith) -> None:
    gadget = Gadget()
    with machine_with(gadget) as vm:
        node = node_of(vm)
        assert control(vm, node, FROM_DEVICE, GREET, 64) == b"hello"
        with pytest.raises(SyscallError) as caught:
            control(vm, node, FROM_DEVICE, REFUSE, 64)
        assert caught.value.errno == errno.EPIPE
        assert bulk(vm, node, OUT, b"some bytes") == 10
        assert bulk(vm, node, IN, bytes(512)) == 10
        assert gadget.trace == [
            Control(FROM_DEVICE, GREET, 0, 0, b"hello"),
            Control(FROM_DEVICE, REFUSE, 0, 0, stalled=True),
            Moved(OUT, b"some bytes"),
            Moved(IN, b"SOME BYTES"),
        ]


def test_endpoint_that_stalls_halts_until_it_is_cleared(machine_with: MachineWith) -> None:
    gadget = Gadget()
    with machine_with(gadget) as vm:
        node = node_of(vm)
        for data in (b"refuse", b"as well"):
            with pytest.raises(SyscallError) as caught:
                bulk(vm, node, OUT, data)
            assert caught.value.errno == errno.EPIPE
        clear_halt = ioctl_number(vm.kernel.arch, "U", READ, 21, 4)
        vm.ioctl(node, clear_halt, layout(vm.kernel.arch, "I").pack(OUT))
        assert bulk(vm, node, OUT, b"again") == 5


def test_device_that_vanishes_in_the_middle_of_a_transfer_ends_it(machine_with: MachineWith) -> None:
    gadget = Gadget()
    with machine_with(gadget) as vm:
        node = node_of(vm)
        assert bulk(vm, node, OUT, b"there") == 5
        gadget.disconnect()
        with pytest.raises(SyscallError) as caught:
            bulk(vm, node, OUT, b"gone")
        # the transfer fails, or the kernel has noticed before it began
        assert caught.value.errno in (errno.EPROTO, errno.ESHUTDOWN, errno.ENODEV, errno.ENOENT)


def node_of(vm: Vm) -> str:
    where = f"/sys/bus/usb/devices/{interface(vm)}/.."
    numbers = vm.check(f"cat {where}/busnum {where}/devnum").split()
    bus, device = (int(number) for number in numbers)
    return f"/dev/bus/usb/{bus:03}/{device:03}"


def control(vm: Vm, node: str, request_type: int, request: int, count: int) -> bytes:
    return transfer(vm, node, CONTROL, (request_type, request, 0, 0, count, LIMIT_MS), bytes(count))


def bulk(vm: Vm, node: str, endpoint: int, data: bytes) -> int:
    return len(transfer(vm, node, BULK, (endpoint, len(data), LIMIT_MS), data))


def transfer(vm: Vm, node: str, call: tuple[int, str], values: tuple[int, ...], data: bytes) -> bytes:
    """Make an ioctl that moves data; return as much of it as was moved."""
    number, members = call
    header = layout(vm.kernel.arch, members)
    command = ioctl_number(vm.kernel.arch, "U", WRITE | READ, number, header.size)
    at = header.size - vm.kernel.arch.word_bits // 8
    result = vm.ioctl(node, command, Struct(header.pack(*values, 0), {at: data}))
    return result.pointed[at][: result.value]
