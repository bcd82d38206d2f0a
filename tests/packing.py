"""What tests of packs share: a kernel that is wanted, and a server that may have faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler

from rustbed.arch import ARCHES
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
