"""What tests of drivers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from rustbed import Booter, PciDevice, UsbDevice, Vm
from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel

MachineWith = Callable[[PciDevice | UsbDevice], AbstractContextManager[Vm]]


@pytest.fixture
def machine_with(arch: Arch, request: pytest.FixtureRequest) -> MachineWith:
    """A machine with a device in Python: plugged into a slot, or where there is none, there from the boot."""

    @contextmanager
    def machine(device: PciDevice | UsbDevice) -> Iterator[Vm]:
        # asked for when they are wanted: a machine that a test does not use is in its results, too
        if arch.hotplug_port:
            vm: Vm = request.getfixturevalue("vm")
            with vm.plugged(device):
                yield vm
        else:
            boot: Booter = request.getfixturevalue("boot")
            with boot(devices=[device]) as vm:
                yield vm

    if arch.hotplug_port:
        request.getfixturevalue("hotplug")
    return machine


@pytest.fixture
def long_segments(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For tests that bind rust_dma: four pages of 64 KiB are a longer segment than a device takes."""
    if kernel.options.get("PAGE_SHIFT") == "16" and "DMA_API_DEBUG" in kernel.options:
        # docs/findings/scatterlist-ignores-segment-size.md
        request.applymarker(pytest.mark.expect_splat("^WARNING in local_pci_probe$", kind="warning"))
