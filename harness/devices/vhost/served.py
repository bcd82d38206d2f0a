"""Serves a device by vhost-user while a context lasts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rustbed.devices import walk
from rustbed.devices.history import render_timed
from rustbed.devices.listening import listening
from rustbed.devices.stream import Line, StreamServed, StreamServer
from rustbed.devices.vhost.happened import Happened
from rustbed.devices.vhost.queue import Requests
from rustbed.devices.vhost.session import Vhost

# names of QEMU's objects are never reused
_serial = itertools.count(1)


class Model(walk.Faulty, Protocol):
    """A model of a bus or a controller, as its server needs it."""

    @property
    def happened(self) -> Happened[Any]:
        """Its events."""


def name_of(chips: Iterable[object], otherwise: str) -> str:
    """Return the name of a bus, made of the names of its chips; `otherwise` if it has none."""
    return "-".join(type(chip).__name__ for chip in chips) or otherwise


@contextmanager
def serve_vhost(
    model: Model,
    *,
    name: str,
    driver: str,
    requests: Callable[[Line], Requests],
    directory: Path | None,
) -> Iterator[StreamServed]:
    """Serve a model in a thread until the context ends, and write its trace to a file in `directory`.

    `driver` is QEMU's name of the device, `requests` makes what handles the requests of one connection.
    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    server = StreamServer(name, lambda sock, line: Vhost(requests(line), sock, line))
    happened = model.happened
    happened.connect_to(server)
    walk.serve(model)
    chardev = f"vhost{next(_serial)}"
    try:
        with listening(
            server, name, lambda: render_timed(happened.events.visible), directory, began=happened.began
        ) as path:
            yield StreamServed(
                server=server,
                argv=(
                    *("-chardev", f"socket,id={chardev},path={path}"),
                    *("-device", f"{driver},chardev={chardev}"),
                ),
            )
    finally:
        happened.connect_to(None)
