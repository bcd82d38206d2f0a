"""pwm_th1520: a PWM controller whose registers are a page of memory that the kernel leaves alone.

In kernels with tests/drivers/more.config.
"""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = [
    pytest.mark.needs("pwm_th1520"),
    # memmap= takes memory from the kernel on this architecture only
    pytest.mark.arches("x86_64"),
    pytest.mark.machine(device_tree="firmware/pwm.dts", cmdline=["memmap=64K$0x8000000"]),
]

MODULE, DRIVER = "pwm_th1520", "pwm-th1520"
REGISTERS = 0x8000000
CHANNEL = "/sys/class/pwm/pwmchip0/pwm1"
# bits of the control register (drivers/pwm/pwm_th1520.rs has them from the manual of the TH1520)
START, UPDATE, CONTINUOUS, OUTPUT_FIRST = 1 << 0, 1 << 2, 1 << 5, 1 << 8
ERROR = 3


def registers(vm: Vm) -> tuple[int, int, int]:
    """Return control, period and first phase of channel 1, as they lie in memory."""
    text = vm.monitor.execute("human-monitor-command", command_line=f"xp /8xw {REGISTERS + 0x20:#x}")
    words = [int(word, 16) for line in text.splitlines() for word in line.partition(":")[2].split()]
    return words[0], words[2], words[3]


def test_waveforms_become_cycles_of_the_clock(vm: Vm) -> None:
    with vm.module(MODULE):
        assert sysfs.bound(vm, "platform", DRIVER) == ["8000000.pwm"]
        assert vm.read("/sys/class/pwm/pwmchip0/npwm") == "6\n"
        vm.write("/sys/class/pwm/pwmchip0/export", "1")
        # 24 MHz
        vm.write(f"{CHANNEL}/period", "1000000")
        vm.write(f"{CHANNEL}/duty_cycle", "250000")
        assert registers(vm) == (0, 0, 0)
        vm.write(f"{CHANNEL}/enable", "1")
        assert registers(vm) == (CONTINUOUS | OUTPUT_FIRST | START, 24000, 6000)
        vm.write(f"{CHANNEL}/duty_cycle", "500000")
        assert registers(vm) == (CONTINUOUS | OUTPUT_FIRST | UPDATE, 24000, 12000)
        assert errno_of(vm.write, f"{CHANNEL}/duty_cycle", "1000001") == errno.EINVAL
        vm.write(f"{CHANNEL}/enable", "0")
        assert registers(vm)[2] == 0
    assert not sysfs.exists(vm, "/sys/class/pwm/pwmchip0")


def test_clocks_that_it_cannot_count_are_refused(vm: Vm) -> None:
    with vm.module(MODULE):
        for device, text in {
            "8001000.pwm": "Clock rate is zero",
            "8002000.pwm": "Clock rate 1000000001 Hz is too high, not supported.",
        }.items():
            assert sysfs.levels_and_texts(vm.log, DRIVER, device) == [
                (ERROR, text),
                (ERROR, f"probe with driver {DRIVER} failed with error -{errno.EINVAL}"),
            ]
