"""Asking a QEMU to copy itself.

Owns the socket to the library in shim/, the messages on it (shim/shim.h has
their format), and the table of QEMU's descriptors by channel. Knows nothing of guests.
"""

from __future__ import annotations

import array
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from rustbed import process, procfs
from rustbed.errors import ForkError
from rustbed.forks.hot.copied import CopiedProcess
from rustbed.machine.starting import Identity, identify

# seconds that a host under load may take to copy a process
_COPY_S = 20.0
# seconds to wait for the first message of the shim, which is sent before QEMU begins: its guest has run since
_READY_S = 1.0
# seconds to wait for the message of a copy whose QEMU did not answer
_UNCLAIMED_S = 1.0
# bytes of one message, at most
_MESSAGE = 2048


def open_control() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a control socket: the harness's, and the copy's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def find_descriptors(pid: int, ends: Mapping[str, Identity]) -> dict[str, tuple[int, ...]]:
    """Return the descriptors that a process has of each of the named files and sockets."""
    found: dict[Identity, list[int]] = {}
    for number, status in procfs.descriptors(pid).items():
        found.setdefault((status.st_dev, status.st_ino), []).append(number)
    return {name: tuple(found.get(identity, ())) for name, identity in ends.items()}


class Copyable(Protocol):
    """A QEMU with its channels."""

    @property
    def child(self) -> process.Process:
        """Its process."""

    @property
    def control(self) -> socket.socket | None:
        """Our end of the socket for requests; None if QEMU was started without the shim."""

    @property
    def ends(self) -> Mapping[str, Identity]:
        """Its ends of all channels, by name."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """A copy that runs."""

    process: CopiedProcess
    # our end of the socket for requests
    control: socket.socket
    # its ends of all channels, by name
    ends: Mapping[str, Identity]
    # the numbers of its threads on the host, by the numbers that QMP reports
    threads: Mapping[int, int]


def open_copier(started: Copyable) -> Copier:
    """Return a copier for a QEMU whose guest has answered. Raises ForkError if it has no shim."""
    if started.control is None:
        raise ForkError("QEMU cannot be copied: it was started without the shim", fix="--forks hot")
    return Copier(started.control, find_descriptors(started.child.pid, started.ends))


class Copier:
    """The socket of one QEMU, and its descriptors by channel; the socket itself is `control`."""

    def __init__(self, control: socket.socket, descriptors: Mapping[str, tuple[int, ...]]) -> None:
        self._control = control
        self._descriptors = descriptors
        self._is_ready = False
        # why no other request is sent
        self._broken = ""

    def require_ready(self, seconds: float = _READY_S) -> None:
        """Wait until the library reports that it can make copies. Raises ForkError if it cannot.

        It reports once: a copier that is thrown away afterwards cannot be replaced by another.
        """
        if self._broken:
            raise ForkError(self._broken)
        if self._is_ready:
            return
        try:
            said = _receive(self._control, seconds)
        except TimeoutError as error:
            raise ForkError("QEMU cannot be copied: its shim does not answer") from error
        if said != "ready":
            self._broken = f"QEMU cannot be copied: {said.removeprefix('unable: ') or 'it ended at once'}"
            raise ForkError(self._broken)
        self._is_ready = True

    def copy(self, ends: Mapping[str, int]) -> Copied:
        """Copy the process; in the copy, the named channels are the given descriptors.

        The caller ends it, and closes its socket and the descriptors. Raises ForkError.
        """
        if self._broken:
            raise ForkError(self._broken)
        ours, theirs = open_control()
        try:
            with theirs:
                all_ends = {**ends, "control": theirs.fileno()}
                identities = {name: identify(number) for name, number in all_ends.items()}
                answer = self._ask(self._request(all_ends))
            copied, threads = self._take(answer, ours)
            return Copied(process=copied, control=ours, ends=identities, threads=threads)
        except BaseException:
            if self._broken:
                _end_unclaimed(ours)
            ours.close()
            raise

    def _ask(self, request: tuple[Sequence[int], Sequence[int]]) -> str:
        """Send a request and return the answer. After a missing answer, no other request is sent."""
        self._broken = "QEMU was asked for a copy before and did not answer"
        _send(self._control, *request)
        try:
            answer = _receive(self._control, _COPY_S)
        except TimeoutError as error:
            raise ForkError(f"QEMU did not make a copy within {_COPY_S:g} s") from error
        if not answer:
            raise ForkError("QEMU ended while it was copied")
        self._broken = ""
        return answer

    def _request(self, ends: Mapping[str, int]) -> tuple[list[int], list[int]]:
        missing = [name for name in ends if not self._descriptors.get(name)]
        if missing:
            raise ForkError(f"QEMU has no descriptor that is its {missing[0]}")
        pairs = [(old, new) for name, new in ends.items() for old in self._descriptors[name]]
        return [old for old, _ in pairs], [new for _, new in pairs]

    def _take(self, answer: str, control: socket.socket) -> tuple[CopiedProcess, dict[int, int]]:
        word, _, rest = answer.partition(" ")
        if word != "copied":
            raise ForkError(f"QEMU cannot be copied: {rest or 'it gave no reason'}")
        copied = CopiedProcess(int(rest))
        try:
            try:
                said = _receive(control, _COPY_S)
            except TimeoutError:
                said = f"failed: no message within {_COPY_S:g} s"
            if not said.startswith("running "):
                why = said.removeprefix("failed: ") or "it ended at once"
                raise ForkError(f"a copy of QEMU did not start: {why}")
        except BaseException:
            end(copied)
            raise
        return copied, _parse_threads(said)

    def has(self, name: str) -> bool:
        """Whether QEMU has such a channel."""
        return bool(self._descriptors.get(name))


def _parse_threads(said: str) -> dict[int, int]:
    """Return the numbers in `running PID OLD:NEW ...`."""
    pairs = (pair.partition(":") for pair in said.split()[2:])
    return {int(old): int(new) for old, _, new in pairs}


def end(copied: CopiedProcess) -> None:
    """End a copy at once, and wait until it is gone."""
    copied.kill()
    process.wait(copied)


def _send(control: socket.socket, old: Sequence[int], new: Sequence[int]) -> None:
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", new))
    try:
        control.sendmsg([array.array("i", old)], [rights])
    except OSError as error:
        raise ForkError(f"QEMU cannot be asked for a copy: {error.strerror}") from error


def _receive(control: socket.socket, seconds: float) -> str:
    """Return a message, empty if the other end is closed. Raises TimeoutError."""
    control.settimeout(seconds)
    try:
        return control.recv(_MESSAGE).decode(errors="replace")
    except ConnectionError:
        return ""


def _end_unclaimed(control: socket.socket) -> None:
    """End a copy that may exist although its number was not received."""
    with suppress(TimeoutError):
        said = _receive(control, _UNCLAIMED_S)
        if said.startswith("running "):
            end(CopiedProcess(int(said.split()[1])))
