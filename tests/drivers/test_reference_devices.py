"""Devices that QEMU has too, in Python beside QEMU's own: the same accesses, the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import groupby

import pytest
from tests.drivers import sysfs

from rustbed import Vm
from rustbed.devices.pci import PciDevice
from rustbed.devices.reference.edu import Edu
from rustbed.devices.reference.testdev import PciTestdev
from rustbed.devices.served import serve
from rustbed.devices.trace import Interrupt, Read, Write

Boot = Callable[..., AbstractContextManager[Vm]]

# a test is selected, its header read, and what it counts is written, as bytes and wider
TESTDEV = [
    "peek:0:0:4",
    *(
        step
        for test in ("00", "01", "02", "03", "00")
        for step in (
            f"poke:0:0:{test}",
            "peek:0:0:8",
            "peek:0:8:8",
            "peek:0:16:8",
            "peek:0:24:8",
            "poke:0:2048:fa",
            "poke:0:2049:ce",
            "poke:0:2049:fa",
            "poke:0:2050:fafafafa",
            "poke:0:2048:fafa",
            "peek:0:12:4",
            "peek:0:2048:4",
        )
    ),
    "poke:0:0:00000000",
    "peek:0:2:2",
]

# identification, liveness, a factorial, interrupts raised and acknowledged; a device computes in its own time
EDU = [
    "peek:0:0:4",
    "poke:0:4:78563412",
    "peek:0:4:4",
    "poke:0:8:05000000",
    "until:32:1:0",
    "peek:0:8:4",
    "peek:0:32:4",
    "poke:0:32:ffffffff",
    "peek:0:32:4",
    "poke:0:8:22000000",
    "until:36:1:1",
    "peek:0:8:4",
    "peek:0:36:4",
    "poke:0:96:06000000",
    "peek:0:36:4",
    "poke:0:100:03000000",
    "peek:0:36:4",
    "peek:0:96:4",
    "peek:0:12:4",
]
# its wide registers; a processor of 32 bits accesses them by halves, of which QEMU's edu has the lower ones
EDU_WIDE = [
    "poke:0:128:8877665544332211",
    "peek:0:128:8",
    "peek:0:128:4",
    "poke:0:136:44332211",
    "peek:0:136:8",
]


def enable(vm: Vm, address: str) -> str:
    device = f"/sys/bus/pci/devices/{address}"
    vm.write(f"{device}/enable", "1")
    return device


def in_page(vm: Vm, device: str) -> int:
    """Return where in a page BAR 0 begins: its mapping begins with the page, which may be the larger one."""
    start = int(vm.read(f"{device}/resource").split()[0], 16)
    return start % (1 << int(vm.kernel.options["PAGE_SHIFT"]))


def answers(vm: Vm, address: str, steps: Sequence[str]) -> list[str]:
    """Return what accesses to BAR 0 give, made by one process of the guest between two waits.

    A wait is `until:OFFSET:MASK:VALUE`: until these bits of a register of 32 bits have this value.
    """
    device = enable(vm, address)
    base = in_page(vm, device)
    held = (f"open:rw:{device}/resource0", f"mmap:3:{base + 4096}:rw:shared:0")

    def moved(step: str) -> str:
        name, mapping, offset, rest = step.split(":", 3)
        return f"{name}:{mapping}:{int(offset) + base}:{rest}"

    def access(*steps: str) -> str:
        return vm.rbctl("sys", *held, *map(moved, steps), check=True).output

    def holds(wait: str) -> bool:
        offset, mask, value = (int(word) for word in wait.split(":")[1:])
        word = bytes.fromhex(access(f"peek:0:{offset}:4").split()[-1])
        return int.from_bytes(word, "little") & mask == value

    said = []
    for is_wait, group in groupby(steps, lambda step: step.startswith("until:")):
        if is_wait:
            for wait in group:
                vm.wait_for(partial(holds, wait), wait)
        else:
            said.append(access(*group))
    return said


def config(vm: Vm, address: str) -> bytes:
    """Return the header of a config space without what the guest itself chose: command, BARs, line."""
    found = bytearray(vm.pull(f"/sys/bus/pci/devices/{address}/config")[:64])
    found[4:6] = bytes(2)
    found[0x10:0x28] = bytes(0x18)
    found[0x3C] = 0
    return bytes(found)


@contextmanager
def both(boot: Boot, device: PciDevice, driver: str, ids: tuple[str, str]) -> Iterator[tuple[Vm, str, str]]:
    """Yield a machine with QEMU's device and ours, and their addresses."""
    with serve(device) as served, boot(devices=[driver, served.argument]) as vm:
        theirs, ours = sysfs.pci_devices(vm, *ids)
        yield vm, theirs, ours


def test_testdev_in_python_answers_as_qemus_does(boot: Boot) -> None:
    with both(boot, PciTestdev(), "pci-testdev", sysfs.TESTDEV) as (vm, theirs, ours):
        assert answers(vm, ours, TESTDEV) == answers(vm, theirs, TESTDEV)
        assert config(vm, ours) == config(vm, theirs)
        start, end = sysfs.bar(vm, theirs, 0)
        assert sysfs.bar(vm, ours, 0)[1] - sysfs.bar(vm, ours, 0)[0] == end - start


def test_edu_in_python_answers_as_qemus_does(boot: Boot) -> None:
    with both(boot, Edu(), "edu", ("0x1234", "0x11e8")) as (vm, theirs, ours):
        steps = EDU if vm.kernel.arch.word_bits == 32 else [*EDU, *EDU_WIDE]
        assert answers(vm, ours, steps) == answers(vm, theirs, steps)
        assert config(vm, ours) == config(vm, theirs)


@pytest.mark.needs("rust_driver_pci")
def test_rust_driver_probes_the_device_in_python_and_is_seen(boot: Boot) -> None:
    device = PciTestdev()
    with boot(devices=[device]) as vm:
        address = sysfs.testdev(vm)
        vm.mark_log()
        device.forget()
        with vm.module("rust_driver_pci"):
            assert vm.log.matching(r"pci-testdev data-match count: 1")
            assert sysfs.bound(vm, "pci", "rust_driver_pci") == [address]
            assert device.trace == [
                Write(0, 0x00, 1, 0),
                Read(0, 0x04, 4, 0x800),
                Read(0, 0x08, 1, 0xFA),
                Write(0, 0x800, 1, 0xFA),
                Read(0, 0x0C, 4, 1),
            ]
        # it deselects the test on its way out
        assert device.trace[5:] == [Write(0, 0x00, 1, 0)]


def test_interrupt_of_a_device_without_a_driver_is_lost(boot: Boot) -> None:
    device = Edu()
    with boot(devices=[device]) as vm:
        (address,) = sysfs.pci_devices(vm, "0x1234", "0x11e8")
        enable(vm, address)
        device.forget()
        device.raise_irq()
        assert device.events == [Interrupt(0)]
