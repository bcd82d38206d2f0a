"""What tests of packs share: a kernel that is wanted, and a server that may have faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.packs.place import Kind, Place, parse_place
from rustbed.packs.transport import Store
from rustbed.packs.wanted import Wanted

WANTED = Wanted(source="debian:latest", arch=ARCHES["x86_64"], profile="default", recipe="r")
FACTS = (
    '{"release": "7.3.4", "key": "k", "source": "debian:latest", "profile": "default",'
    ' "modules": {"edu": []}, "initramfs": {"key": "i", "spec": "default"}}'
)

# gets the handler, and says whether it has answered
Fault = Callable[[SimpleHTTPRequestHandler], bool]


@dataclass
class Server:
    """A web server on loopback."""

    address: str
    # what it does with a request before it serves files
    fault: Fault = lambda handler: False
    asked: list[str] = field(default_factory=list)


def local(store: Path) -> Place:
    return Place(kind=Kind.DIRECTORY, base=str(store))


def pinned(server: Server, store: Path) -> Place:
    return parse_place(f"{server.address}@{Store(place=local(store)).index().digest}")


def blob_path(store: Path, part: str, wanted: Wanted = WANTED) -> Path:
    opened = Store(place=local(store))
    (listed,) = (pack for pack in opened.packs() if pack.facts["recipe"] == wanted.recipe)
    return store / "blobs/sha256" / opened.pack(listed.blob).part(part).hex


def entries(cache: Cache) -> list[str]:
    """Return what is in the cache of packs, half or whole."""
    directory = cache.root / "packs"
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
