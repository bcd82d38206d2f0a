"""drm_panic_qr: the QR code on the screen of a kernel that panics, read from the screen.

In kernels with tests/drivers/more.config.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.drivers.qrcode import decode, find_code

from rustbed import CrashError, Vm

pytestmark = [
    pytest.mark.needs("CONFIG_DRM_PANIC_SCREEN_QR_CODE", "CONFIG_DRM_BOCHS"),
    # the last `panic` counts: QEMU is to stay for somebody to look at the screen
    pytest.mark.machine(
        devices=["bochs-display"],
        # drm_log begins the picture; a console that is not named is not used
        cmdline=["console=drm_log", "drm.panic_screen=qr_code", "drm.panic_qr_version=9", "panic=0"],
    ),
]

# bytes that a code of version 9 holds at level L
CAPACITY = 230


def read_screen(vm: Vm, directory: Path) -> str:
    picture = directory / "screen.ppm"
    vm.monitor.execute("screendump", filename=str(picture))
    return decode(find_code(picture.read_bytes())).decode()


@pytest.mark.needs("CONFIG_DRM_PANIC_DEBUG")
def test_code_has_the_end_of_the_kernel_log(vm: Vm, tmp_path: Path) -> None:
    (panel,) = vm.check("ls /sys/kernel/debug/dri/*/drm_panic_plane_0 | head -n 1").split()
    # drm_log would draw into the picture
    vm.write("/proc/sys/kernel/printk", "1")
    for text in ("short", "a line that is longer than the one before it"):
        vm.write("/dev/kmsg", f"<6>{text}\n")
        vm.write(panel, "1")
        shown = read_screen(vm, tmp_path)
        log = vm.check("dmesg")
        lines = shown.splitlines()
        assert [line for line in lines if line not in log] == []
        assert any(line.endswith(f"] {text}") for line in lines)
        # as many records as there is room for
        before = log[: log.index(lines[0])].splitlines()[-1]
        assert CAPACITY - len(before) - 1 <= len(shown) <= CAPACITY


@pytest.mark.expect_splat("sysrq triggered crash", kind="panic")
def test_a_panic_shows_the_code(vm: Vm, tmp_path: Path) -> None:
    with pytest.raises(CrashError):
        vm.run("echo c >/proc/sysrq-trigger")
    shown = read_screen(vm, tmp_path)
    # the picture is drawn before the panic says that it ends
    log = vm.log.text
    assert shown in log[log.index("Kernel panic - not syncing: sysrq triggered crash") :]
