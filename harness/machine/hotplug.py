"""Plugging devices into a running machine and out again.

A device goes behind one of the machine's empty PCIe ports. Both directions
end when the guest's kernel shows the change in sysfs, not when QEMU has
taken the command.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.deadline import Deadline
from harness.errors import HangError, UsageError

if TYPE_CHECKING:
    from harness.machine.vm import Vm

_DEVICES = "/sys/bus/pci/devices"
_serial = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """A device that was hotplugged."""

    # QEMU's id
    id: str
    # the guest's name for it: 0000:01:00.0
    address: str
    # port it sits behind
    port: str


def _addresses(vm: Vm) -> set[str]:
    return set(vm.check(f"ls {_DEVICES}").split())


def _free_port(vm: Vm) -> str:
    ports = [f"port{number}" for number in range(vm.spec.free_ports)] if vm.spec.arch.hotplug_port else []
    for port in ports:
        children = vm.monitor.execute("qom-list", path=f"/machine/peripheral/{port}/{port}")
        if not any(child["name"].startswith("child[") for child in children):
            return port
    raise UsageError(
        f"no free port to plug into: {len(ports)} ports, all taken",
        mend="@pytest.mark.machine(free_ports=N)",
    )


def plug(vm: Vm, device: str, timeout_s: float) -> Plugged:
    """Plug a device in; `device` is what -device takes, without id and bus."""
    driver, *options = device.split(",")
    before = _addresses(vm)
    used = {event["data"].get("path", "").rsplit("/", 1)[-1] for event in vm.monitor.events}
    name = next(name for name in (f"plugged{number}" for number in _serial) if name not in used)
    port = _free_port(vm)
    arguments = dict(option.split("=", 1) for option in options)
    vm.monitor.execute("device_add", driver=driver, id=name, bus=port, **arguments)
    deadline = Deadline.after(timeout_s)
    while not (new := _addresses(vm) - before):
        if deadline.expired:
            raise HangError(f"the guest did not notice {driver} within {timeout_s:g} s")
        time.sleep(0.01)
    return Plugged(id=name, address=min(new), port=port)


def unplug(vm: Vm, device: Plugged, timeout_s: float) -> None:
    """Plug a device out; a PCIe slot takes about 5 s, which the kernel grants its user to change their mind."""
    since = len(vm.monitor.events)
    vm.monitor.execute("device_del", id=device.id)
    deadline = Deadline.after(timeout_s)
    vm.monitor.wait_event(
        "DEVICE_DELETED",
        timeout_s=timeout_s,
        since=since,
        match=lambda event: bool(event["data"].get("device") == device.id),
    )
    while device.address in _addresses(vm):
        if deadline.expired:
            raise HangError(f"the guest still has {device.address} after {timeout_s:g} s")
        time.sleep(0.01)
