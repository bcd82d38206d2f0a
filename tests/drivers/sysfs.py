"""Devices and their drivers on the guest's buses, as sysfs shows them; shared by the driver tests."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rustbed import Log, Vm

# QEMU's pci-testdev, which three of the Rust samples claim
TESTDEV = ("0x1b36", "0x0005")
# KERN_DEBUG (include/linux/kern_levels.h)
_DEBUG = 7
_OF_THE_IOMMU = re.compile(r"lsa_required: |iommu: |ibm,(query|create)-pe-dma-window")


def pci_devices(vm: Vm, vendor: str, device: str) -> list[str]:
    """Return the addresses of the PCI devices with these ids (as sysfs writes them), in order."""
    listing = vm.check(
        'cd /sys/bus/pci/devices; for d in *; do echo "$d $(cat $d/vendor) $(cat $d/device)"; done'
    )
    rows = [line.split() for line in listing.splitlines()]
    return [address for address, *ids in rows if ids == [vendor, device]]


def testdevs(vm: Vm) -> list[str]:
    """Return the addresses of the machine's pci-testdevs, in order."""
    return pci_devices(vm, *TESTDEV)


def testdev(vm: Vm) -> str:
    """Return the address of the machine's only pci-testdev."""
    (address,) = testdevs(vm)
    return address


def free_virtio_rng(vm: Vm) -> str:
    """Return the address of the machine's only virtio-rng-pci, taken from its driver."""
    (address,) = pci_devices(vm, "0x1af4", "0x1005") or pci_devices(vm, "0x1af4", "0x1044")
    unbind(vm, "pci", "virtio-pci", address)
    return address


def bound(vm: Vm, bus: str, driver: str) -> list[str]:
    """Return the devices a driver is bound to, in order."""
    return vm.check(
        f"cd /sys/bus/{bus}/drivers/{driver}; for d in *; do [ -e $d/driver ] && echo $d; done; true"
    ).split()


def exists(vm: Vm, path: str) -> bool:
    """Whether a path exists in the guest."""
    return vm.run(f"test -e {path}").status == 0


def listing(vm: Vm, path: str) -> list[str]:
    """Return the names in a directory of the guest, in order."""
    return vm.check(f"ls {path}").split()


def bind(vm: Vm, bus: str, driver: str, device: str) -> None:
    """Bind a device to a driver. Raises SyscallError with what the probe returned."""
    vm.write(f"/sys/bus/{bus}/drivers/{driver}/bind", device)


def unbind(vm: Vm, bus: str, driver: str, device: str) -> None:
    """Unbind a device from its driver. Raises SyscallError."""
    vm.write(f"/sys/bus/{bus}/drivers/{driver}/unbind", device)


def override(vm: Vm, bus: str, device: str, driver: str) -> None:
    """Let a device match this driver only, and that in spite of its ids."""
    vm.write(f"/sys/bus/{bus}/devices/{device}/driver_override", driver)


@dataclass(frozen=True, kw_only=True)
class Region:
    """A line of /proc/iomem; the addresses are inclusive."""

    start: int
    end: int
    owner: str


def iomem(vm: Vm, owner: str) -> list[Region]:
    """Return the regions of physical memory with that owner."""
    lines = vm.pull("/proc/iomem").decode().splitlines()
    found = (re.fullmatch(r" *([0-9a-f]+)-([0-9a-f]+) : (.*)", line) for line in lines)
    regions = [Region(start=int(m[1], 16), end=int(m[2], 16), owner=m[3]) for m in found if m]
    return [region for region in regions if region.owner == owner]


def bar(vm: Vm, address: str, number: int) -> tuple[int, int]:
    """Return where a PCI device's BAR begins and ends (inclusive)."""
    lines = vm.pull(f"/sys/bus/pci/devices/{address}/resource").decode().splitlines()
    start, end, _ = (int(word, 16) for word in lines[number].split())
    return start, end


def bar_register(vm: Vm, address: str, number: int) -> int:
    """Return a BAR's register: an address of the bus, which on some machines is not the processor's."""
    start = 0x10 + 4 * number
    # config space is little-endian on every machine
    return int.from_bytes(vm.pull(f"/sys/bus/pci/devices/{address}/config")[start : start + 4], "little")


def levels_and_texts(log: Log, driver: str, device: str) -> list[tuple[int, str]]:
    """Return level and text of what one driver said about one device, in order.

    Without dev_dbg!, which is there only with CONFIG_RUST_DEBUG_ASSERTIONS, and without what powerpc's
    kernel says when a driver sets its DMA mask.
    """
    prefix = f"{driver} {device}: "
    said = [(r.level, r.text.removeprefix(prefix)) for r in log if r.text.startswith(prefix)]
    return [(level, text) for level, text in said if level < _DEBUG and not _OF_THE_IOMMU.match(text)]
