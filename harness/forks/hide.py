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

# makes the kernel look for devices; what it finds is logged
FIND_AGAIN = "echo 1 >/sys/bus/pci/rescan"

# seconds that QEMU may take to list what it saves
_LIST_S = 30.0


def _saved_types(spec: MachineSpec, qemu: Qemu) -> set[str]:
    """Return the device types of which this QEMU saves the state."""
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
    """Return the devices of a spec that are not saved: QEMU's id and the type of each."""
    if not spec.hardware.devices:
        return {}
    saved = _saved_types(spec, qemu)
    found = {}
    for number, device in enumerate(spec.hardware.devices):
        if isinstance(device, Device):
            # forkable, or the machine would not be saved
            continue
        driver = device.partition(",")[0]
        # the bus saves them, which the list does not tell
        if driver not in saved and not driver.startswith("virtio-"):
            found[device_id(device, number)] = driver
    return found


def _pci_devices(buses: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield QEMU's id and the guest's address of what query-pci tells."""
    for bus in buses:
        for device in bus["devices"]:
            yield device["qdev_id"], f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"
            if "devices" in device.get("pci_bridge", {}):
                yield from _pci_devices([device["pci_bridge"]])


def hide_unsaved(vm: Vm, qemu: Qemu) -> bool:
    """Take from the guest's kernel what QEMU will not save; return whether there was something.

    Raises ForkError if there is a device that cannot be taken away.
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
