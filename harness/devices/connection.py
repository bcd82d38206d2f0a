"""Sends and receives complete vfio-user messages, with their descriptors, over a socket.

Owns the framing, and reads nothing but headers.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rustbed.devices.layouts import layout, pack
from rustbed.devices.messages import ERROR, MAX_DESCRIPTORS, MAX_TRANSFER, REPLY, TYPE, Header

# errors of sending to a peer that is gone; the owner of the peer reports why
GONE = (errno.EPIPE, errno.ECONNRESET, errno.EBADF)

_HEADER = layout(Header)
# a plain int, because every access needs it and enum flags are slow
_FLAGS = int(socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
_TRUNCATED = int(socket.MSG_CTRUNC)
_ROOM = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)
# bytes of the longest accepted message: a transfer with its headers
_LONGEST = MAX_TRANSFER + 4096


class BrokenStreamError(Exception):
    """The bytes on the socket are not messages, so that the rest of the stream cannot be parsed."""


# a tuple, because one is created for every access
class Message(NamedTuple):
    """A received message; its descriptors belong to the receiver."""

    header: Header
    body: bytes
    descriptors: tuple[int, ...] = ()
    # more descriptors came than a message may have, and the kernel closed some of them
    truncated: bool = False

    @property
    def is_reply(self) -> bool:
        """Whether it is a reply to a command of ours."""
        return self.header.flags & TYPE == REPLY

    def close(self) -> None:
        """Close its descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Connection:
    """One end of a vfio-user connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @property
    def peer(self) -> int:
        """The pid of the process at the other end (unix(7), SO_PEERCRED)."""
        pid, _, _ = struct.unpack("iII", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait for messages on."""
        return self._socket.fileno()

    def receive(self) -> Message | None:
        """Return the next message, None when the peer has closed; waits for the rest of a message.

        Raises BlockingIOError if no message has begun, BrokenStreamError if the bytes are not a message.
        """
        # the header alone, so that its descriptors cannot be those of the next message
        data, ancillary, flags, _ = self._socket.recvmsg(_HEADER.size, _ROOM, _FLAGS)
        if not data:
            return None
        descriptors = tuple(_descriptors(ancillary)) if ancillary else ()
        try:
            if len(data) < _HEADER.size:
                data += self._receive_exactly(_HEADER.size - len(data))
            header = Header._make(_HEADER.unpack(data))
            if not _HEADER.size <= header.size <= _LONGEST or header.flags & TYPE > REPLY:
                raise BrokenStreamError(f"not a header: {header}")
            body = self._receive_exactly(header.size - _HEADER.size) if header.size > _HEADER.size else b""
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise
        return Message(header, body, descriptors, bool(flags & _TRUNCATED))

    def _receive_exactly(self, count: int) -> bytes:
        data = self._socket.recv(count)
        if len(data) == count:
            return data
        parts, left = [data], count - len(data)
        while left:
            if not data:
                raise BrokenStreamError(f"the peer closed {left} bytes before a message's end")
            data = self._socket.recv(left)
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def send(self, header: Header, body: bytes = b"", descriptors: Sequence[int] = ()) -> None:
        """Send a message, with its size filled in. Raises OSError if the peer is gone."""
        sized = header._replace(size=_HEADER.size + len(body))
        self._send_all(pack(sized) + body, descriptors)

    def reply(self, command: Header, body: bytes = b"") -> None:
        """Answer a command."""
        # packed by one call, because every access comes through here
        self._send_all(
            _HEADER.pack(command.id, command.command, _HEADER.size + len(body), REPLY, 0) + body, ()
        )

    def refuse(self, command: Header, error: int) -> None:
        """Answer a command with an errno."""
        self._send_all(_HEADER.pack(command.id, command.command, _HEADER.size, REPLY | ERROR, error), ())

    def _send_all(self, data: bytes, descriptors: Sequence[int]) -> None:
        if descriptors:
            sent = socket.send_fds(self._socket, [data], list(descriptors))
            self._socket.sendall(data[sent:])
        else:
            self._socket.sendall(data)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> Iterator[int]:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found = array.array("i")
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
            yield from found
