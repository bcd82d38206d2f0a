"""Servers started before they are needed, for the machines that the session before had.

Owns the file in which one session tells the next which machines that were.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rustbed.cache import Cache
from rustbed.errors import ForkError
from rustbed.forks.hot.servers import Kind, Servers
from rustbed.forks.ledger import Ledger
from rustbed.forks.template import Template, find_template
from rustbed.host import Qemu

# servers at once: each holds 60 to 70 MiB
_MOST = 4


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a session tells the next one."""

    # with the templates
    cache: Cache
    # by template key, the one wanted last at the end
    kinds: dict[str, Kind]


def load_kept(path: Path) -> Kept | None:
    """Return what sessions kept in a file of ours; None if there is no file."""
    if not path.exists():
        return None
    kept: Kept = pickle.loads(path.read_bytes())  # noqa: S301 - only the processes of one `watch` write it
    return kept


def keep_kinds(path: Path, cache: Cache, kinds: dict[str, Kind]) -> None:
    """Leave the kinds of this session that can be copied, and earlier ones if there is room."""
    earlier = load_kept(path)
    # a device in Python is served by the process that made it
    own = {key: kind for key, kind in kinds.items() if kind.qemu.shim and not kind.spec.served_devices}
    known = {key: kind for key, kind in (earlier.kinds if earlier else {}).items() if key not in own} | own
    # a process that is killed meanwhile leaves the old file
    new = path.with_suffix(".new")
    new.write_bytes(pickle.dumps(Kept(cache=cache, kinds=dict(list(known.items())[-_MOST:]))))
    new.replace(path)


@contextmanager
def open_servers(kept: Kept, directory: Path) -> Iterator[tuple[Servers, Sequence[Callable[[], None]]]]:
    """Yield servers for these kinds that were started, and functions of which each parks one.

    A session may use them whether they were parked or not. Kinds without a template, or that no server can
    be started for, have none. Files without names are made on the file system of `directory`.
    """
    servers = Servers(kept.cache, Ledger(kept.cache))
    parking = []
    for key, kind in kept.kinds.items():
        template = find_template(kept.cache, key, kind.spec)
        if template is not None:
            servers.note_machine(key)
            if servers.start_ahead(template, kind.qemu, directory):
                parking.append(partial(_park, servers, template, kind.qemu, directory))
    try:
        yield servers, parking
    finally:
        servers.close()


def _park(servers: Servers, template: Template, qemu: Qemu, directory: Path) -> None:
    # a session that wants a copy is told why there is none
    with suppress(ForkError):
        servers.find(template, qemu, directory)
