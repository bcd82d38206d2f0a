"""Where a scheduler is: which addresses are taken and why others are not, and whether one answers there."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from rustbed.errors import HostError, UsageError, suggest

EXAMPLE = "tcp://127.0.0.1:8786"
# seconds for a scheduler on this host to answer
ANSWER_S = 30.0


def parse_address(text: str) -> str:
    """Return the address of a scheduler, as `tcp://HOST:PORT`. Raises UsageError.

    Whoever reaches a scheduler can run programs as its user, so that plain TCP is for loopback alone.
    """
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"not the address of a farm: {text!r}: {error}", example=EXAMPLE) from error
    if parts.scheme == "tls":
        raise UsageError(f"{text}: a farm with TLS is not supported yet", example=EXAMPLE)
    if parts.scheme != "tcp" or not host or not port or parts.path.strip("/"):
        raise UsageError(f"not the address of a farm: {text!r}", example=EXAMPLE)
    if not _is_loopback(host):
        raise UsageError(
            f"{text}: plain TCP is for this host only: who reaches a farm can run programs as its user",
            missing="TLS, which a farm of several hosts needs, is not supported yet",
            example=EXAMPLE,
        )
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # a name may stand for any address, but for this one
        return host == "localhost"


def require_scheduler(address: str, timeout_s: float = ANSWER_S) -> None:
    """Raise HostError unless what listens at an address speaks first, as a scheduler does.

    Dask's own client waits for minutes for the first word of a server that is something else.
    """
    parts = urlsplit(address)
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout_s) as connection:
            if connection.recv(1):
                return
        why = "the connection was closed"
    except TimeoutError:
        why = f"no word within {timeout_s:g} s"
    except OSError as error:
        why = error.strerror or str(error)
    raise HostError(f"no farm answers at {address}: {why}", fix=suggest("farm up"))
