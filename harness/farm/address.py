"""The address of a scheduler: which are accepted, why others are not, and whether a scheduler answers."""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from rustbed.errors import HostError, UsageError, suggest
from rustbed.farm.key import client_context, key_path

EXAMPLE = "tcp://127.0.0.1:8786"
# with TLS, for all hosts; without, for this one
TLS, TCP = "tls", "tcp"
# openssl's codes of certificates that are not valid yet, or no longer
_TIMES = (9, 10)
# seconds for a scheduler to answer, and after which one without TLS is late
ANSWER_S, _LATE_S = 30.0, 1.0


def parse_address(text: str) -> str:
    """Return the address of a scheduler, as `tcp://HOST:PORT` or `tls://HOST:PORT`. Raises UsageError.

    A program that reaches a scheduler can run others as its user, so plain TCP is limited to loopback.
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
            f"{text}: plain TCP is for this host only: programs that reach a farm can run others as its user",
            fix=f"{suggest('farm up --tls HOST')} there, and tls:// here",
        )
    return f"{parts.scheme}://{render_host(host)}:{port}"


def render_host(host: str) -> str:
    """Return a host as part of an address: IPv6 gets brackets."""
    return f"[{host}]" if ":" in host else host


def uses_tls(address: str) -> bool:
    """Whether an address uses TLS."""
    return address.startswith(f"{TLS}://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # any other name may stand for any address
        return host == "localhost"


def require_scheduler(address: str, timeout_s: float = ANSWER_S) -> str:
    """Return this host's address on the interface that reaches a scheduler.

    Raises HostError unless the server there has the same key (with TLS) and speaks first, as a scheduler
    does. Dask's own client waits minutes for the first word of any other server.
    """
    parts = urlsplit(address)
    where, fix = (str(parts.hostname), parts.port or 0), suggest("farm up")
    context = client_context(key_path()) if uses_tls(address) else None
    try:
        with socket.create_connection(where, timeout_s) as plain:
            here = render_host(str(plain.getsockname()[0]))
            if context is None and _speaks_tls(plain, where, timeout_s):
                raise HostError(
                    f"no farm answers at {address}: the server there uses TLS",
                    fix=f"{TLS}://{parts.netloc}, and the farm's key in {key_path()}",
                )
            with context.wrap_socket(plain) if context else plain as connection:
                if connection.recv(1):
                    return here
        why = "the connection was closed"
    except TimeoutError:
        why = f"no answer within {timeout_s:g} s"
    except ssl.SSLCertVerificationError as error:
        why = f"the key {key_path()} does not fit: {error.verify_message}"
        if error.verify_code in _TIMES:
            fix = f"set this host's clock ({_now()}), or make a new key: {suggest('farm init')}"
    except OSError as error:
        why = error.strerror or str(error)
        reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
        # openssl's name for any answer that is not TLS
        if reason == "WRONG_VERSION_NUMBER":
            why, fix = "the server there does not use TLS", _fix_plain(parts.netloc, where[0])
        elif "_ALERT_" in reason:
            said = reason.partition("_ALERT_")[2].replace("_", " ").lower()
            why = f"the server there refuses the key {key_path()}: {said}"
            fix = f"copy the farm's key, and compare that host's clock with this one's ({_now()})"
    raise HostError(f"no farm answers at {address}: {why}", fix=fix)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _speaks_tls(plain: socket.socket, where: tuple[str, int], timeout_s: float) -> bool:
    """Whether a server that is silent on `plain` answers TLS. Raises TimeoutError if it does not."""
    word = select.poll()
    word.register(plain, select.POLLIN)
    if word.poll(1000 * min(_LATE_S, timeout_s)):
        return False
    # who it is does not matter: nothing is sent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(where, timeout_s) as second:
        try:
            with context.wrap_socket(second):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def _fix_plain(netloc: str, host: str) -> str:
    """Return the fix for a farm without TLS: on this host it may be intended."""
    return f"{TCP}://{netloc}" if _is_loopback(host) else f"{suggest('farm up --tls HOST')} there"
