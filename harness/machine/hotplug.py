"""Plugging devices into a running machine and out again.

Devices go behind one of the machine's empty PCIe ports, as the functions of one card. Plugging and
unplugging end when the guest's kernel shows the change in sysfs, not when QEMU has
accepted the command; a loaded driver binds a moment later.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rustbed.devices.card import check_functions
from rustbed.devices.device import Device
from rustbed.devices.faults import FaultKind
from rustbed.devices.models import device_of
from rustbed.devices.walk import is_under_way
from rustbed.errors import CrashError, HangError, MonitorError, UsageError, WaitError
from rustbed.machine import slot
from rustbed.machine.conversation import Conversation
from rustbed.machine.deviceadd import Part, of_qemu, of_server
from rustbed.machine.live import Live
from rustbed.machine.monitor import Monitor
from rustbed.machine.spec import MachineSpec

if TYPE_CHECKING:
    from rustbed.devices.models import Model
    from rustbed.devices.pci import PciDevice

# ids are never reused: QEMU may not have released the last device with that id
_serial = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """A hotplugged device, or several as the functions of one card."""

    # QEMU's id of each, function 0 first
    ids: tuple[str, ...]
    # the PCI address of each in the guest: 0000:01:00.0
    addresses: tuple[str, ...]
    # id of the port that they are behind
    port: str
    # why they cannot be unplugged; empty if they can
    stays: str = ""
    # the devices among them that are written in Python
    models: tuple[PciDevice, ...] = ()

    @property
    def id(self) -> str:
        """QEMU's id of function 0."""
        return self.ids[0]

    @property
    def address(self) -> str:
        """The PCI address of function 0 in the guest."""
        return self.addresses[0]


def _addresses(talk: Conversation) -> set[str]:
    # shell builtins only, because this is polled
    return set(talk.check(f"cd {slot.DEVICES} && echo *").split())


def _free_port(monitor: Monitor, spec: MachineSpec) -> str:
    if not spec.arch.hotplug_port:
        raise UsageError(f"{spec.arch}'s machine has no slots to plug into", fix="boot(devices=[...])")
    ports = [f"port{number}" for number in range(spec.hardware.free_ports)]
    for port in ports:
        children = monitor.execute("qom-list", path=f"/machine/peripheral/{port}/{port}")
        if not any(child["name"].startswith("child[") for child in children):
            return port
    raise UsageError(
        f"no free port to plug into: {len(ports)} ports, all taken",
        fix="@pytest.mark.machine(free_ports=N)",
    )


def plug(talk: Conversation, monitor: Monitor, spec: MachineSpec, device: str, timeout_s: float) -> Plugged:
    """Plug a device in; `device` is an argument of -device without id and bus.

    Raises UsageError when every port is taken, MonitorError when QEMU refuses the device.
    """
    port = _free_port(monitor, spec)
    return _add(talk, monitor, port, [of_qemu(monitor, device)], timeout_s)


@contextmanager
def present(live: Live, given: Sequence[str | Device | Model], timeout_s: float) -> Iterator[Plugged]:
    """Plug devices in as functions of one card, serving those of the host meanwhile; the caller unplugs it.

    Raises UsageError as `plug` does and for a device that cannot be hotplugged, DeviceError if one failed.
    """
    from rustbed.devices.pci import PciDevice  # noqa: PLC0415 - few sessions plug devices in

    check_functions(given)
    port = _free_port(live.monitor, live.spec)
    with ExitStack() as stack:
        parts = [
            Part(first=of_qemu(live.monitor, each)) if isinstance(each, str) else _serve(stack, live, each)
            for each in given
        ]
        found = _add(live.talk, live.monitor, port, [part.first for part in parts], timeout_s)
        for other in (each for part in parts for each in part.others):
            live.monitor.execute("device_add", exact=other)
        stays = next((part.stays for part in parts if part.stays), "")
        models = tuple(each for each in given if isinstance(each, PciDevice))
        for model in models:
            model.is_removable = not stays
        served = {name: part.served for name, part in zip(found.ids, parts, strict=True) if part.served}
        stack.enter_context(live.running.noting_served(served))
        yield replace(found, stays=stays, models=models)


def find_served(live: Live) -> tuple[str, ...]:
    """Return the names of the devices that the machine has from the host: booted with, or plugged in now."""
    gone = _deleted(live.monitor)
    plugged = (name for each, name in live.running.served.items() if each not in gone)
    return (*(device.name for device in live.spec.served_devices), *plugged)


def _serve(stack: ExitStack, live: Live, given: Device | Model) -> Part:
    """Serve a device until the stack unwinds."""
    device = device_of(given)
    if device.booted_only:
        raise UsageError(f"{device.name} cannot be hotplugged; {device.booted_only}")
    if device.is_serial_port:
        raise UsageError(f"{device.name} cannot be hotplugged: machines are booted with their serial ports")
    if device.shared_memory:
        raise UsageError(f"{device.name} cannot be hotplugged: it needs memory that is shared with it")
    server = stack.enter_context(device.serve(live.run_dir))
    stack.enter_context(live.running.watching(server))
    first, *others = of_server(live.monitor, device, server)
    return Part(first=first, others=others, stays=device.stays, served=device.name)


def _add(
    talk: Conversation,
    monitor: Monitor,
    port: str,
    devices: Sequence[Mapping[str, object]],
    timeout_s: float,
) -> Plugged:
    several = len(devices) > 1
    functions: list[dict[str, object]] = [
        {"id": f"plugged{next(_serial)}", **device, "bus": port}
        | ({"addr": f"0.{number}", "multifunction": True} if several else {})
        for number, device in enumerate(devices)
    ]
    before = _addresses(talk)
    added: list[object] = []
    try:
        # function 0 last: the guest's kernel scans the slot when it appears
        for function in reversed(functions):
            monitor.execute("device_add", exact=function)
            added.append(function["id"])
    except MonitorError:
        # functions of a card without function 0 are unplugged at once
        for name in added:
            with suppress(MonitorError):
                monitor.execute("device_del", id=name)
        raise

    def find() -> set[str] | None:
        return new if len(new := _addresses(talk) - before) == len(devices) else None

    what = " and ".join(str(device["driver"]) for device in devices)
    addresses = talk.wait_for(find, f"the guest to find {what}", timeout_s)
    assert addresses is not None
    ids = tuple(str(function["id"]) for function in functions)
    return Plugged(ids=ids, addresses=tuple(sorted(addresses)), port=port)


def take_out(live: Live, device: Plugged, timeout_s: float) -> None:
    """Unplug a device that the host served, unless the test has done so or QEMU must not.

    In a run with a fault the guest's kernel removes it by sysfs instead, which also unbinds the driver and
    takes a second less; not if the fault is a surprise removal. Raises CrashError if a task of the kernel
    died, because waiting for the locks that it held would hang.
    """
    if _is_let_go(live.monitor, device):
        return
    is_pulled = any(
        model.fault is not None and model.fault.kind is FaultKind.PULLED and model.fault_happened
        for model in device.models
    )
    if is_under_way() and (deaths := live.deaths):
        raise live.talk.end(CrashError(f"a task of the kernel died: {deaths[0]}"))
    if is_under_way() and not is_pulled:
        for address in device.addresses:
            live.check(f"echo 1 >{slot.DEVICES}/{address}/remove", timeout_s)
    elif not device.stays:
        try:
            unplug(live, device, timeout_s, surprise=is_pulled)
        except WaitError as error:
            if not is_under_way():
                raise
            # in a run with a fault a WaitError does not count as a failure, but this wait is not the test's
            raise live.talk.end(HangError(error.headline)) from error


def _is_let_go(monitor: Monitor, device: Plugged) -> bool:
    """Whether QEMU has let go of all functions."""
    return _deleted(monitor) >= set(device.ids)


def _deleted(monitor: Monitor) -> set[str]:
    """Return the ids of the devices that QEMU has let go of."""
    deleted = (each["data"] for each in monitor.events if each["event"] == "DEVICE_DELETED")
    return {data["device"] for data in deleted if "device" in data}


def unplug(live: Live, device: Plugged, timeout_s: float, *, surprise: bool = False) -> None:
    """Unplug a device by turning its slot off in the guest; the kernel waits a second for the power.

    `device_del` would press the slot's button instead, and the kernel waits 5 s for a second press; a driver
    sees the same. With `surprise` the device goes first; the kernel notices, unbinds the driver
    and turns the slot off.
    Raises MonitorError for a device that is not plugged, UsageError for one that QEMU must not unplug.
    """
    if device.stays:
        raise UsageError(f"{device.id} cannot be unplugged: {device.stays}")
    live.monitor.execute("qom-list", path=f"/machine/peripheral/{device.id}")
    port = slot.find_port(live, device.address)
    if surprise:
        slot.empty(live, port)
        # its driver unbinds now, and work that it left may run later: see `Live.linger`
        live.moved_at = time.monotonic()
    else:
        slot.turn_off(live, device.address, timeout_s)
    live.wait_for(lambda: _is_let_go(live.monitor, device), f"QEMU to let go of {device.id}", timeout_s)
    live.wait_for(
        lambda: not _addresses(live.talk) & set(device.addresses),
        f"the guest to let go of {device.address}",
        timeout_s,
    )
    live.wait_for(
        lambda: slot.is_off(live, port), f"the guest to turn off the slot of {device.id}", timeout_s
    )
