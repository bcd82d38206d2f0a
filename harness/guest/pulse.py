"""The guest's second shell: shows whether user space still runs, and collects facts about a hang.

It has a port of its own and answers with shell builtins only, so that it needs
neither a fork nor memory. It does not disturb an idle guest, and
writes nothing to the kernel log.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

from rustbed.deadline import Deadline


class Pulse:
    """Asks the second shell, with or without waiting; a missing answer is not an error."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._token = secrets.token_hex(8)
        self._count = 0
        self._received = b""

    def ask(self) -> None:
        """Ask for a sign of life; `answered` says whether it came."""
        self._send("")

    def tell(self, command: str) -> None:
        """Run a command in a subshell, ignoring its output and status; it must end by itself."""
        self._send(f"({command}) </dev/null >/dev/null 2>&1")

    def _send(self, command: str) -> None:
        self._count += 1
        self._received = b""
        # a channel that is closed or full is not read, so no answer will come
        with suppress(OSError):
            self._sock.settimeout(0.1)
            self._sock.sendall(f"{command}\necho {self._mark}\n".encode())

    @property
    def _mark(self) -> str:
        return f"{self._token}.{self._count}"

    def answered(self, wait_s: float = 0.0) -> bool:
        """Whether the last question was answered; waits at most `wait_s` for it."""
        end = f"{self._mark}\n".encode()
        if end not in self._received:
            # a timeout or a closed channel means no answer
            with suppress(OSError):
                self._sock.settimeout(max(wait_s, 0.001))
                self._received += self._sock.recv(1 << 16)
        return end in self._received

    def query(self, command: str, patience_s: float) -> str | None:
        """Return what a command prints to both streams; None if it falls silent for `patience_s`.

        A kernel with all detectors, or a guest that spins, takes seconds to list its tasks. Also returns None
        if the command takes more than ten times `patience_s`.
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
