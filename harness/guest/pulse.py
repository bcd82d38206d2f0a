"""The second way into the guest: asked whether user space still runs, and for facts of one that hangs.

A shell of its own, on a port of its own, that waits for a line and answers
with what is built into it, so that it needs neither a fork nor memory. An
idle guest notices nothing of it. It writes nothing to the kernel log.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

from rustbed.deadline import Deadline


class Pulse:
    """Asks without waiting, or waits for an answer; an unanswered question is not an error."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._token = secrets.token_hex(8)
        self._count = 0
        self._received = b""

    def ask(self) -> None:
        """Ask whether anybody is there; `answered` tells."""
        self._send("")

    def tell(self, command: str) -> None:
        """Give a command whose output and status are not wanted, in a subshell that ends by itself."""
        self._send(f"({command}) </dev/null >/dev/null 2>&1")

    def _send(self, command: str) -> None:
        self._count += 1
        self._received = b""
        # a channel that is closed or full has no reader at its other end: then there is no answer
        with suppress(OSError):
            self._sock.settimeout(0.1)
            self._sock.sendall(f"{command}\necho {self._mark}\n".encode())

    @property
    def _mark(self) -> str:
        return f"{self._token}.{self._count}"

    def answered(self, wait_s: float = 0.0) -> bool:
        """Whether the last question was answered, after waiting for at most `wait_s` for more to come."""
        end = f"{self._mark}\n".encode()
        if end not in self._received:
            # nothing came, or the other end is closed: no answer
            with suppress(OSError):
                self._sock.settimeout(max(wait_s, 0.001))
                self._received += self._sock.recv(1 << 16)
        return end in self._received

    def query(self, command: str, patience_s: float) -> str | None:
        """Return what a command prints, both streams; None if nothing more of it came for `patience_s`.

        A kernel with all detectors takes seconds to tell of its tasks, and so does a guest that spins. None
        also if it goes on for ten times as long.
        """
        self._send(f"{{ {command}\n}} 2>&1")
        size, quiet, limit = 0, Deadline.after(patience_s), Deadline.after(10 * patience_s)
        while not self.answered(quiet.slice(0.1)):
            if len(self._received) > size:
                size, quiet = len(self._received), Deadline.after(patience_s)
            if quiet.expired or limit.expired:
                return None
        text = self._received.decode(errors="replace").partition(self._mark)[0]
        # answers to earlier questions may come first
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(self._token))
