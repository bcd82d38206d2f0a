"""Where a scheduler is: which addresses are taken and why others are not, and whether one answers there."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

from rustbed.errors import HostError, UsageError, suggest
from rustbed.farm.key import client_context, key_path

EXAMPLE = "tcp://127.0.0.1:8786"
# with TLS, for all hosts; without, for this one
TLS, TCP = "tls", "tcp"
# seconds for a scheduler to answer
ANSWER_S = 30.0


def parse_address(text: str) -> str:
    """Return the address of a scheduler, as `tcp://HOST:PORT` or `tls://HOST:PORT`. Raises UsageError.

    Whoever reaches a scheduler can run programs as its user, so that plain TCP is for loopback alone.
    """
    try:
        parts = urlsplit(text if "://" in text else f"{TCP}://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"not the address of a farm: {text!r}: {error}", example=EXAMPLE) from error
    if parts.scheme not in (TLS, TCP) or not host or not port or parts.path.strip("/"):
        raise UsageError(f"not the address of a farm: {text!r}", example=EXAMPLE)
    if parts.scheme == TCP and not _is_loopback(host):
        raise UsageError(
            f"{text}: plain TCP is for this host only: who reaches a farm can run programs as its user",
            fix=f"{suggest('farm up --tls HOST')} there, and tls:// here",
        )
    return f"{parts.scheme}://{render_host(host)}:{port}"


def render_host(host: str) -> str:
    """Return a host as it stands in an address: IPv6 has brackets."""
    return f"[{host}]" if ":" in host else host


def uses_tls(address: str) -> bool:
    """Whether an address is one with TLS."""
    return address.startswith(f"{TLS}://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # a name may stand for any address, but for this one
        return host == "localhost"


def require_scheduler(address: str, timeout_s: float = ANSWER_S) -> str:
    """Return this host, by the address of the interface that a scheduler is reached by.

    Raises HostError unless what listens there has the same key, if it is to have one, and speaks first, as a
    scheduler does: Dask's own client waits for minutes for the first word of a server that is something else.
    """
    parts = urlsplit(address)
    context = client_context(key_path()) if uses_tls(address) else None
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout_s) as plain:
            here = render_host(str(plain.getsockname()[0]))
            with context.wrap_socket(plain) if context else plain as connection:
                if connection.recv(1):
                    return here
        why = "the connection was closed"
    except TimeoutError:
        why = f"no word within {timeout_s:g} s"
    except ssl.SSLCertVerificationError as error:
        why = f"the key {key_path()} does not fit: {error.verify_message}"
    except OSError as error:
        why = error.strerror or str(error)
    raise HostError(f"no farm answers at {address}: {why}", fix=suggest("farm up"))
