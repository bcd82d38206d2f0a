"""rust_driver_faux: a device on the faux bus. The module logs as `rust_faux_driver`."""

import pytest

from rustbed import CommandError, Vm

pytestmark = pytest.mark.needs("rust_driver_faux")

DEVICE = "/sys/devices/faux/rust-faux-sample-device"


def test_makes_a_bound_device_and_leaves_nothing_behind(vm: Vm) -> None:
    with vm.module("rust_driver_faux"):
        hello, from_device = vm.log.matching("^(rust_faux_driver|faux_driver|faux)[: ]")
        assert (hello.level, hello.text) == (6, "rust_faux_driver: Initialising Rust Faux Device Sample")
        assert (from_device.level, from_device.text) == (
            6,
            "faux_driver rust-faux-sample-device: Hello from faux device!",
        )
        assert dict(from_device.fields) == {"SUBSYSTEM": "faux", "DEVICE": "+faux:rust-faux-sample-device"}

        assert vm.check(f"readlink -f {DEVICE}/driver") == "/sys/bus/faux/drivers/faux_driver"
        assert vm.check(f"readlink -f {DEVICE}/subsystem") == "/sys/bus/faux"
        assert vm.check("readlink -f /sys/bus/faux/devices/*") == DEVICE
        assert vm.read(f"{DEVICE}/uevent") == "DRIVER=faux_driver\n"
        # faux devices are bound for life
        assert vm.run("ls /sys/bus/faux/drivers/faux_driver").output.split() == [
            "rust-faux-sample-device",
            "uevent",
        ]

        with pytest.raises(CommandError, match="File exists"):
            vm.insmod("rust_driver_faux")
        assert vm.read("/sys/module/rust_driver_faux/refcnt") == "0\n"
    assert vm.run(f"test -e {DEVICE}").status == 1
    assert vm.check("ls /sys/bus/faux/devices /sys/bus/faux/drivers/faux_driver | grep sample || true") == ""
    assert vm.read("/proc/modules") == ""
    assert "rust_driver_faux" not in vm.check("ls /sys/module").split()
    # unloading is silent
    assert len(vm.log.matching("faux")) == 2
