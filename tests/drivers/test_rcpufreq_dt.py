"""rcpufreq_dt: frequencies of a processor whose operating points are in the device tree.

The clock is fixed, so the frequency does not change; what the driver offers is what the tree says.
"""

from __future__ import annotations

import pytest
from tests.drivers import sysfs

from rustbed import Vm

pytestmark = [
    pytest.mark.needs("rcpufreq_dt"),
    pytest.mark.machine(device_tree="firmware/operating-points.dts"),
]

DRIVER = "cpufreq-dt"
POLICY = "/sys/devices/system/cpu/cpufreq/policy0"


def test_operating_points_of_the_tree_are_the_frequencies(vm: Vm) -> None:
    assert not sysfs.exists(vm, POLICY)
    for _ in range(2):
        with vm.module("rcpufreq_dt"):
            assert sysfs.bound(vm, "platform", DRIVER) == [DRIVER]
            names = "scaling_driver scaling_available_frequencies cpuinfo_min_freq cpuinfo_max_freq"
            lines = vm.check(f"cd {POLICY}; cat {names}").splitlines()
            assert [line.strip() for line in lines] == [DRIVER, "25000 50000", "25000", "50000"]
        assert not sysfs.exists(vm, f"{POLICY}/scaling_driver")
