"""Devices whose state QEMU's migration leaves out silently.

Such a device comes into a fork as after a reset, while the guest's kernel
believes that it has been set up. A PCI device can be taken from the kernel
before the machine is saved and be found again afterwards; others cannot.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rustbed import process
from rustbed.devices.device import Device
from rustbed.errors import ForkError
from rustbed.host import Qemu
from rustbed.machine import slot
from rustbed.machine.argv import device_id
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm

# makes the kernel look for devices; the kernel logs those that it finds
FIND_AGAIN = "echo 1 >/sys/bus/pci/rescan"

# seconds that QEMU may take to list what it saves
_LIST_S = 30.0


def _saved_types(spec: MachineSpec, qemu: Qemu) -> set[str]:
    """Return the device types whose state this QEMU saves."""
    with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
        listing = Path(scratch) / "vmstate.json"
        machine = spec.arch.machine.partition(",")[0]
        process.run(
            [
                *qemu.program,
                *("-machine", machine, "-nodefaults", "-display", "none", "-dump-vmstate", str(listing)),
            ],
            attempted="asking QEMU what it saves of devices",
            env=dict(qemu.env),
            timeout_s=_LIST_S,
        )
        return set(json.loads(listing.read_text()))


def _unsaved(spec: MachineSpec, qemu: Qemu) -> dict[str, str]:
    """Return the devices of a spec that QEMU does not save: the type of each by its id in QEMU."""
    if not spec.hardware.devices:
        return {}
    saved = _saved_types(spec, qemu)
    found = {}
    for number, device in enumerate(spec.hardware.devices):
        if isinstance(device, Device):
            # it is forkable: otherwise no template is made of this machine
            continue
        driver = device.partition(",")[0]
        # virtio devices are saved by their bus, which QEMU's list does not show
        if driver not in saved and not driver.startswith("virtio-"):
            found[device_id(device, number)] = driver
    return found


def _pci_devices(buses: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield QEMU's id and the guest's address of each device in an answer to query-pci."""
    for bus in buses:
        for device in bus["devices"]:
            yield device["qdev_id"], f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"
            if "devices" in device.get("pci_bridge", {}):
                yield from _pci_devices([device["pci_bridge"]])


def hide_unsaved(vm: Vm, qemu: Qemu) -> bool:
    """Remove devices that QEMU does not save from the guest's kernel; return whether there were any.

    Raises ForkError for a device that cannot be removed.
    """
    unsaved = _unsaved(vm.spec, qemu)
    if not unsaved:
        return False
    addresses = dict(_pci_devices(vm.monitor.execute("query-pci")))
    for name, driver in unsaved.items():
        if name not in addresses:
            raise ForkError(f"QEMU does not save the state of {driver}")
        vm.check(f"echo 1 >{slot.DEVICES}/{addresses[name]}/remove")
    return True
