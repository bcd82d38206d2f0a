"""A card: devices that are the functions of one PCI device. Knows QEMU's options for placing them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed.devices.device import Device, Served, model_of
from rustbed.devices.models import device_of
from rustbed.errors import UsageError

if TYPE_CHECKING:
    from rustbed.devices.models import Model

# functions of a PCI device (PCI Local Bus Specification 3.0, 3.2.2.3.4)
_MOST_FUNCTIONS = 8
# properties that a card sets for each of its functions
_PLACE = ("bus", "addr", "multifunction")
# names of QEMU's objects are never reused
_serial = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class _Functions:
    """The functions of a card whose servers are ready for a QEMU."""

    argv: tuple[str, ...]
    pass_fds: tuple[int, ...]
    servers: tuple[Served, ...]

    def check(self) -> None:
        """Raise DeviceError if one of them has failed; cheap."""
        for server in self.servers:
            server.check()


def card(*functions: str | Model | Device) -> Device:
    """Return a card to boot a machine with; functions have the same form as `devices`, function 0 first.

    Raises UsageError for functions that cannot be on one card.
    """
    check_functions(functions)
    given = [each if isinstance(each, str) else device_of(each) for each in functions]
    for each in given:
        if isinstance(each, str):
            _place(each, {})
        elif each.is_serial_port or each.booted_only:
            raise UsageError(f"{each.name} cannot be a function of a card")
    served = [each for each in given if isinstance(each, Device)]
    names = [each if isinstance(each, str) else each.name for each in given]
    return Device(
        name=f"a card of {' and '.join(names)}",
        serve=lambda directory: _serve(given, directory),
        shared_memory=any(each.shared_memory for each in served),
        models=(
            "pcie-root-port",
            *(model_of(each) for each in given if isinstance(each, str)),
            *(model for each in served for model in each.models),
        ),
        has_msix=all(each.has_msix for each in served),
        booted_only="plug in its functions: vm.plugged(first, second)",
    )


def check_functions(given: Sequence[str | Model | Device]) -> None:
    """Raise UsageError for devices that cannot be the functions of one card."""
    if not 0 < len(given) <= _MOST_FUNCTIONS:
        raise UsageError(f"a card of {len(given)} functions", wanted=f"1 to {_MOST_FUNCTIONS} devices")
    models = [id(each) for each in given if not isinstance(each, str)]
    if len(set(models)) < len(models):
        raise UsageError("one device cannot be two functions of a card: make one for each")


@contextmanager
def _serve(functions: Sequence[str | Device], directory: Path | None) -> Iterator[_Functions]:
    """Serve those functions that the host serves, until the context ends."""
    serial = next(_serial)
    name = f"card{serial}"
    # the machine's own ports use chassis numbers from 1; not JSON, because QEMU creates JSON devices last
    argv = ["-device", f"pcie-root-port,id={name},chassis=0,slot={serial}"]
    servers: list[Served] = []
    with ExitStack() as stack:
        for number, function in enumerate(functions):
            options: Sequence[str] = ("-device", function) if isinstance(function, str) else ()
            if isinstance(function, Device):
                servers.append(stack.enter_context(function.serve(directory)))
                options = servers[-1].argv
            place = {"bus": name, "addr": f"0.{number}", "multifunction": True}
            # only the first device goes on the card; its other options may be a chardev, or a disk behind it
            at = options.index("-device") + 1
            argv += [*options[:at], _place(options[at], place), *options[at + 1 :]]
        descriptors = tuple(each for server in servers for each in server.pass_fds)
        yield _Functions(argv=tuple(argv), pass_fds=descriptors, servers=tuple(servers))


def _place(device: str, place: dict[str, object]) -> str:
    """Return an argument of -device, in either form, with its place. Raises UsageError if it has one."""
    if device.startswith("{"):
        properties = json.loads(device)
        names, placed = properties, json.dumps({**properties, **place})
    else:
        names = [word.partition("=")[0] for word in device.split(",")]
        words = [f"{name}={'on' if value is True else value}" for name, value in place.items()]
        placed = ",".join((device, *words))
    if has := [name for name in _PLACE if name in names]:
        raise UsageError(f"{device} cannot be a function of a card: it has {', '.join(has)} already")
    return placed
