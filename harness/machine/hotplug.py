"""Plugging devices into a running machine and out again.

A device goes behind one of the machine's empty PCIe ports. Both directions
end when the guest's kernel shows the change in sysfs, not when QEMU has
taken the command; a driver that is loaded binds a moment later.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rustbed.devices.device import Device, Served
from rustbed.devices.models import Model, device_of
from rustbed.devices.walk import is_under_way
from rustbed.errors import CrashError, UsageError
from rustbed.machine.conversation import Conversation
from rustbed.machine.live import Live
from rustbed.machine.monitor import Monitor
from rustbed.machine.spec import MachineSpec

_DEVICES = "/sys/bus/pci/devices"
_BOOLS = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
_NUMBERS = ("int", "uint", "size")

# finds the slot of an address without function, and turns it off; returns when the kernel is done
_TURN_OFF = (
    "for slot in /sys/bus/pci/slots/*; do"
    ' read -r at <$slot/address && [ "$at" = {slot} ] && echo 0 >$slot/power && exit;'
    " done; exit 1"
)

# ids are never used twice: QEMU may still know the last holder of one
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
    # why it cannot be unplugged; empty if it can
    stays: str = ""


def _addresses(talk: Conversation) -> set[str]:
    # what the shell has built in: asked again and again
    return set(talk.check(f"cd {_DEVICES} && echo *").split())


def _free_port(monitor: Monitor, spec: MachineSpec) -> str:
    ports = [f"port{number}" for number in range(spec.hardware.free_ports)] if spec.arch.hotplug_port else []
    for port in ports:
        children = monitor.execute("qom-list", path=f"/machine/peripheral/{port}/{port}")
        if not any(child["name"].startswith("child[") for child in children):
            return port
    raise UsageError(
        f"no free port to plug into: {len(ports)} ports, all taken",
        fix="@pytest.mark.machine(free_ports=N)",
    )


def typed(text: str, kind: str) -> object:
    """Return a property's value in the type that QEMU says it has; as text if it is not of that type.

    QMP wants numbers and booleans where -device takes words, and refuses what does not fit.
    """
    if kind == "bool":
        return _BOOLS.get(text, text)
    if kind.startswith(_NUMBERS):
        try:
            return int(text, 0)
        except ValueError:
            return text
    return text


def _properties(monitor: Monitor, driver: str, options: Sequence[str]) -> dict[str, object]:
    if not options:
        return {}
    rows = monitor.execute("device-list-properties", typename=driver)
    kinds = {row["name"]: row["type"] for row in rows}
    given = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name in ("id", "bus"):
            raise UsageError(f"cannot plug {driver} with {option!r}", wanted="NAME=VALUE, without id and bus")
        given[name] = typed(value, kinds.get(name, "str"))
    return given


def plug(talk: Conversation, monitor: Monitor, spec: MachineSpec, device: str, timeout_s: float) -> Plugged:
    """Plug a device in; `device` is what -device takes, without id and bus.

    Raises UsageError when every port is taken, MonitorError when QEMU refuses the device.
    """
    driver, *options = device.split(",")
    port = _free_port(monitor, spec)
    return _add(talk, monitor, port, {"driver": driver, **_properties(monitor, driver, options)}, timeout_s)


@contextmanager
def present(live: Live, device: str | Device | Model, timeout_s: float) -> Iterator[Plugged]:
    """Plug a device in, and serve it meanwhile if the host does; the caller unplugs it."""
    if isinstance(device, str):
        yield plug(live.talk, live.monitor, live.spec, device, timeout_s)
        return
    with served(live, device, timeout_s) as found:
        yield found


@contextmanager
def served(live: Live, given: Device | Model, timeout_s: float) -> Iterator[Plugged]:
    """Serve a device for as long as a context lasts, plugged in; the caller unplugs it.

    Raises UsageError as `plug` does and for a device that cannot be hotplugged, DeviceError if it failed.
    """
    device = device_of(given)
    if device.is_serial_port:
        raise UsageError(f"{device.name} cannot be hotplugged: machines are booted with their serial ports")
    if device.shared_memory:
        raise UsageError(f"{device.name} cannot be hotplugged: it wants memory that is shared with it")
    port = _free_port(live.monitor, live.spec)
    with device.serve(live.run_dir) as server, live.watching(server):
        first, *others = _added_devices(live.monitor, device, server)
        found = _add(live.talk, live.monitor, port, first, timeout_s)
        for each in others:
            live.monitor.execute("device_add", exact=each)
        yield replace(found, stays=device.stays)


def _added_devices(monitor: Monitor, device: Device, server: Served) -> list[dict[str, object]]:
    """Return the devices that a server's options add, the one for the port first; its chardevs are added."""
    options = [*zip(server.argv[::2], server.argv[1::2], strict=True)]
    kinds = [option for option, _ in options]
    if server.pass_fds or not set(kinds) <= {"-chardev", "-device"} or "-device" not in kinds:
        raise UsageError(f"{device.name} cannot be hotplugged: it is more than arguments of -device")
    for argument in (argument for option, argument in options if option == "-chardev"):
        monitor.execute("chardev-add", exact=_chardev(argument))
    return [json.loads(argument) for option, argument in options if option == "-device"]


def _chardev(argument: str) -> dict[str, object]:
    """Return what QMP takes for `socket,id=NAME,path=PATH`, where a server listens."""
    words = dict(word.split("=", 1) for word in argument.split(",")[1:])
    address = {"type": "unix", "data": {"path": words["path"]}}
    backend = {"type": "socket", "data": {"addr": address, "server": False}}
    return {"id": words["id"], "backend": backend}


def _add(
    talk: Conversation, monitor: Monitor, port: str, device: Mapping[str, object], timeout_s: float
) -> Plugged:
    name = str(device.get("id", f"plugged{next(_serial)}"))
    before = _addresses(talk)
    monitor.execute("device_add", exact={**device, "id": name, "bus": port})
    new = talk.wait_for(lambda: _addresses(talk) - before, f"the guest to find {device['driver']}", timeout_s)
    return Plugged(id=name, address=min(new), port=port)


def take_out(live: Live, device: Plugged, timeout_s: float) -> None:
    """Take a device out that was served: unplug it, unless QEMU must not do so.

    In a run with a fault the guest's kernel is told to forget it instead, which takes a second less and
    unbinds its driver all the same. Raises CrashError if a task of the kernel died then, whose locks would
    be waited for.
    """
    if is_under_way():
        if deaths := live.deaths:
            raise live.talk.end(CrashError(f"a task of the kernel died: {deaths[0]}"))
        live.check(f"echo 1 >{_DEVICES}/{device.address}/remove", timeout_s)
    elif not device.stays:
        unplug(live, device, timeout_s)


def unplug(live: Live, device: Plugged, timeout_s: float) -> None:
    """Plug a device out by turning its slot off in the guest; a second of it is for the power to go.

    `device_del` would press the slot's button, and the kernel then waits for 5 s whether it is
    pressed again; what a driver sees is the same. Raises MonitorError for what is not plugged, UsageError
    for what QEMU must not unplug.
    """
    if device.stays:
        raise UsageError(f"{device.id} cannot be unplugged: {device.stays}")
    monitor = live.monitor
    since = len(monitor.events)
    monitor.execute("qom-list", path=f"/machine/peripheral/{device.id}")
    live.check(_TURN_OFF.format(slot=device.address.rpartition(".")[0]), timeout_s)

    def deleted() -> bool:
        return any(
            event["event"] == "DEVICE_DELETED" and event["data"].get("device") == device.id
            for event in monitor.events[since:]
        )

    live.wait_for(deleted, f"QEMU to let go of {device.id}", timeout_s)
    live.wait_for(
        lambda: device.address not in _addresses(live.talk),
        f"the guest to let go of {device.address}",
        timeout_s,
    )
