"""rust_dma: coherent memory and a scatter-gather table, mapped for a PCI device."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from struct import pack

import pytest
from tests.drivers import sysfs
from tests.drivers.conftest import MachineWith

from rustbed import Bar, CrashError, PciDevice, Vm
from rustbed.arch import Arch

pytestmark = [pytest.mark.needs("rust_dma"), pytest.mark.usefixtures("long_segments")]

DRIVER = "rust_dma"
INFO = 6
# no processor's memory has a physical address of more than 52 bits
_BEYOND_MEMORY = 1 << 52

PROBED = (INFO, "Probe DMA test driver.")
UNLOADED = (INFO, "Unload DMA test driver.")
TRACING = "/sys/kernel/tracing"
# what the driver puts into its coherent memory
VALUES = [(0xA, 0xB), (0xC, 0xD), (0xE, 0xF), (0xAB, 0xBA), (0xCD, 0xEF)]


def entries(vm: Vm, address: str) -> list[int]:
    """Return the DMA addresses that the driver printed last for a device; they are numbered from 0."""
    lines = [text for _, text in sysfs.levels_and_texts(vm.log, DRIVER, address)]
    last = lines[len(lines) - lines[::-1].index(UNLOADED[1]) :]
    found = [re.fullmatch(r"Entry\[(\d+)\]: DMA address: (0x[0-9a-f]+)", line) for line in last]
    numbered = [(int(match[1]), int(match[2], 16)) for match in found if match]
    assert [number for number, _ in numbered] == list(range(len(last)))
    return [address for _, address in numbered]


def in_memory(vm: Vm, dma: int) -> bool:
    """Whether an address is one of memory, as it is where nothing translates.

    On powerpc, devices see all memory at an address that no memory has.
    """
    memory = sysfs.iomem(vm, "System RAM")
    return any(region.start <= dma % _BEYOND_MEMORY <= region.end for region in memory)


@pytest.mark.machine(devices=["pci-testdev", "pci-testdev"])
def test_unbind_and_unload_print_the_mapped_segments(vm: Vm) -> None:
    first, second = sysfs.testdevs(vm)
    with vm.module(DRIVER):
        assert sysfs.levels_and_texts(vm.log, DRIVER, first) == [PROBED]
        sysfs.unbind(vm, "pci", DRIVER, first)
        assert sysfs.levels_and_texts(vm.log, DRIVER, first)[:2] == [PROBED, UNLOADED]
        assert sysfs.levels_and_texts(vm.log, DRIVER, second) == [PROBED]
        sysfs.bind(vm, "pci", DRIVER, first)
    for address in (first, second):
        # four pages, which need not be neighbours
        found = entries(vm, address)
        assert 1 <= len(found) <= 4
        assert all(in_memory(vm, dma) for dma in found)
        assert {level for level, _ in sysfs.levels_and_texts(vm.log, DRIVER, address)} == {INFO}
    assert not sysfs.exists(vm, f"/sys/bus/pci/drivers/{DRIVER}")


@pytest.mark.machine(devices=["virtio-rng-pci"])
def test_override_binds_any_pci_device(vm: Vm) -> None:
    # this driver does without data from its table
    address = sysfs.free_virtio_rng(vm)
    sysfs.override(vm, "pci", address, DRIVER)
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "pci", DRIVER) == [address]
    assert sysfs.levels_and_texts(vm.log, DRIVER, address)[:2] == [PROBED, UNLOADED]
    assert entries(vm, address)


@pytest.mark.machine(devices=[])
@pytest.mark.usefixtures("hotplug_testdev")
def test_device_that_comes_late_is_mapped_and_one_that_goes_is_unmapped(vm: Vm) -> None:
    with vm.module(DRIVER):
        address = vm.plug("pci-testdev").address
        vm.wait_for(lambda: PROBED[1] in vm.log, "the device to be probed")
        vm.write(f"/sys/bus/pci/devices/{address}/remove", "1")
        assert sysfs.levels_and_texts(vm.log, DRIVER, address)[:2] == [PROBED, UNLOADED]
        assert entries(vm, address)


class Reader(PciDevice):
    """Reads the guest's memory where the test says."""

    vendor_id, device_id = 0x1B36, 0x0005
    regs = Bar(0, size=16)
    # without it, s390x's machine does not take the device
    msix = 1


def test_device_reads_what_the_driver_has_put_into_its_memory(machine_with: MachineWith) -> None:
    device = Reader()
    with traced_machine(machine_with, device) as vm, vm.module(DRIVER):
        address = sysfs.testdev(vm)
        mapped = vm.wait_for(lambda: traced(vm, "dma_map_sg", address), "the end of the probe")
        at, size = allocated(vm, address)
        enable_mastering(vm, address)
        # the driver's structure is of the processor's byte order, unlike registers
        order = ">" if vm.kernel.arch.big_endian else "<"
        assert (size, device.dma_read(at, size)) == (8 * len(VALUES), pack(f"{order}10I", *chain(*VALUES)))
        sizes = [int(each, 16) for each in re.findall("0x[0-9a-f]+", mapped["sizes"])]
        assert sum(sizes) == 4 << int(vm.kernel.options["PAGE_SHIFT"])


@pytest.mark.expect_splat("assertion `left == right` failed")
def test_driver_that_goes_notices_that_its_device_has_written_to_its_memory(
    machine_with: MachineWith,
) -> None:
    device = Reader()
    with traced_machine(machine_with, device) as vm:
        # the task that unbinds would hold the device for ever
        vm.write("/proc/sys/kernel/panic_on_oops", "1")
        vm.insmod(DRIVER)
        address = sysfs.testdev(vm)
        vm.wait_for(lambda: traced(vm, "dma_map_sg", address), "the end of the probe")
        at, size = allocated(vm, address)
        enable_mastering(vm, address)
        device.dma_write(at + size - 4, bytes(4))
        with pytest.raises(CrashError):
            vm.run(f"echo {address} >/sys/bus/pci/drivers/{DRIVER}/unbind")


@contextmanager
def traced_machine(machine_with: MachineWith, device: Reader) -> Iterator[Vm]:
    """Yield a machine with a device, where DMA events are traced."""
    with machine_with(device) as vm:
        vm.write(f"{TRACING}/set_event", "dma:")
        yield vm


def allocated(vm: Vm, address: str) -> tuple[int, int]:
    """Return where a device has its coherent memory, and of how many bytes."""
    told = traced(vm, "dma_alloc", address)
    return int(told["dma_addr"], 16), int(told["size"])


def enable_mastering(vm: Vm, address: str) -> None:
    """Let a device move data: the driver leaves that off, so that it never does what the memory is for."""
    vm.check(f"printf '\\006' | dd of=/sys/bus/pci/devices/{address}/config bs=1 seek=4 conv=notrunc 2>&1")


def traced(vm: Vm, event: str, address: str) -> dict[str, str]:
    """Return what a DMA event says of a device, nothing if it is not there yet."""
    lines = vm.pull(f"{TRACING}/trace").decode().splitlines()
    found = [line for line in lines if f" {event}: {address} " in line]
    return dict(re.findall(r"(\w+)=(\[.*?\]|\S+)", found[0])) if found else {}


@dataclass(frozen=True, kw_only=True)
class Iommu:
    """How a machine gets an IOMMU, and what the kernel does with it."""

    # type of a device's IOMMU group; RISC-V has no DMA API on top of its IOMMU (CONFIG_IOMMU_DMA) in 7.3
    domain: str
    device: str = ""
    machine: list[str] = field(default_factory=list)
    cmdline: list[str] = field(default_factory=list)


IOMMUS = {
    "x86_64": Iommu(domain="DMA-FQ", device="intel-iommu", cmdline=["intel_iommu=on"]),
    "arm64": Iommu(domain="DMA", machine=["iommu=smmuv3"]),
    "riscv64": Iommu(domain="identity", device="riscv-iommu-pci"),
}


def test_device_behind_an_iommu_gets_translated_addresses(
    boot: Callable[..., AbstractContextManager[Vm]], arch: Arch
) -> None:
    iommu = IOMMUS.get(arch.name)
    if iommu is None:
        pytest.skip(f"no IOMMU known for {arch}'s machine")
    devices = [device for device in (iommu.device, "pci-testdev") if device]
    with boot(devices=devices, machine_options=iommu.machine, cmdline=iommu.cmdline) as vm:
        address = sysfs.testdev(vm)
        domain = vm.read(f"/sys/bus/pci/devices/{address}/iommu_group/type").strip()
        with vm.module(DRIVER):
            assert sysfs.bound(vm, "pci", DRIVER) == [address]
        found = entries(vm, address)
        if domain == "identity":
            assert all(in_memory(vm, dma) for dma in found)
        else:
            # the pages become neighbours in the device's view, outside of memory
            assert [in_memory(vm, dma) for dma in found] == [False]
        assert domain == iommu.domain
