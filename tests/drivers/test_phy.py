"""ax88796b_rust and qt2025: drivers of Ethernet PHYs, on machines without one: they come and go."""

from __future__ import annotations

import pytest
from tests.drivers import sysfs

from rustbed import Vm

DRIVERS = "/sys/bus/mdio_bus/drivers"

NAMES = {
    "ax88796b_rust": ["Asix Electronics AX88772A", "Asix Electronics AX88772C", "Asix Electronics AX88796B"],
    "qt2025": ["QT2025 10Gpbs SFP+"],
}

every_module = pytest.mark.parametrize(
    "module", [pytest.param(module, marks=pytest.mark.needs(module)) for module in NAMES]
)


@every_module
def test_its_drivers_are_there_while_it_is_loaded(vm: Vm, module: str) -> None:
    before = vm.check(f"ls {DRIVERS}").splitlines()
    for _ in range(2):
        with vm.module(module):
            added = set(vm.check(f"ls {DRIVERS}").splitlines()) - set(before)
            assert sorted(added) == NAMES[module]
        assert vm.check(f"ls {DRIVERS}").splitlines() == before
    assert not sysfs.exists(vm, f"/sys/module/{module}")
