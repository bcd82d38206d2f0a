"""Devices as arguments of QMP's device_add, from the arguments of -device that people write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rustbed.devices.device import Device, Served
from rustbed.errors import UsageError
from rustbed.machine.monitor import Monitor

_BOOLS = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
_NUMBERS = ("int", "uint", "size")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A device as arguments of QMP's device_add."""

    # the device that goes behind the port
    first: Mapping[str, object]
    # further devices, attached to the first
    others: Sequence[Mapping[str, object]] = ()
    # why it cannot be unplugged; empty if it can
    stays: str = ""
    # its name if the host serves it; empty if it is QEMU's own
    served: str = ""


def typed(text: str, kind: str) -> object:
    """Return a property's value in the type that QEMU gives for it, or as text if it does not fit.

    -device takes words, but QMP wants numbers and booleans.
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


def of_qemu(monitor: Monitor, device: str) -> dict[str, object]:
    """Return QMP's arguments for an argument of -device. Raises UsageError."""
    driver, *options = device.split(",")
    return {"driver": driver, **_properties(monitor, driver, options)}


def of_server(monitor: Monitor, device: Device, server: Served) -> list[dict[str, object]]:
    """Return the devices of a server's options, the one for the port first; adds its chardevs to QEMU."""
    options = [*zip(server.argv[::2], server.argv[1::2], strict=True)]
    kinds = [option for option, _ in options]
    if server.pass_fds or not set(kinds) <= {"-chardev", "-device"} or "-device" not in kinds:
        raise UsageError(f"{device.name} cannot be hotplugged: it needs more than arguments of -device")
    for argument in (argument for option, argument in options if option == "-chardev"):
        monitor.execute("chardev-add", exact=_chardev(argument))
    return [json.loads(argument) for option, argument in options if option == "-device"]


def _chardev(argument: str) -> dict[str, object]:
    """Return QMP's arguments for the chardev `socket,id=NAME,path=PATH`, where a server listens."""
    words = dict(word.split("=", 1) for word in argument.split(",")[1:])
    address = {"type": "unix", "data": {"path": words["path"]}}
    backend = {"type": "socket", "data": {"addr": address, "server": False}}
    return {"id": words["id"], "backend": backend}
