"""A machine that sleeps and wakes, on a kernel that can: those of the profiles cannot.

Debian's can: pytest tests/drivers/test_sleep.py --kernel debian-image:latest --arch x86_64
"""

from __future__ import annotations

import pytest

from rustbed import HangError, Vm

pytestmark = pytest.mark.needs("CONFIG_SUSPEND", "CONFIG_PM_SLEEP_DEBUG")


@pytest.mark.xfail(
    strict=True,
    raises=HangError,
    reason="virtio_console asks before it can be answered: docs/findings/virtio-ports-stay-closed.md",
)
def test_guest_still_answers_when_its_devices_woke(vm: Vm) -> None:
    # only devices are suspended, for a second (Documentation/power/basic-pm-debugging.rst)
    vm.check("echo 1 >/sys/module/suspend/parameters/pm_test_delay && echo devices >/sys/power/pm_test")
    vm.check("echo freeze >/sys/power/state")
    assert "PM: suspend exit" in vm.log
