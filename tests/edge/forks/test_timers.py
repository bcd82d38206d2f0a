"""How the timers of a restored machine are started, against a stand-in for QEMU."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from rustbed.errors import ForkError
from rustbed.forks.timers import start_timers
from rustbed.machine.monitor import Monitor

LOADING: tuple[dict[str, str], ...] = ({}, {"status": "active"}, {"status": "completed"})


class Stand:
    """Answers QMP on a socket; the descriptor that it is given speaks QEMU's protocol for tests."""

    def __init__(self, sock: socket.socket, loading: tuple[dict[str, str], ...], answer: str) -> None:
        self.asked: list[str] = []
        self.done: list[str] = []
        self._sock, self._loading, self._answer = sock, list(loading), answer
        self._given: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(60)
        if self._given is not None:
            self._given.close()

    def _serve(self) -> None:
        text = ""
        while True:
            said, ancillary, _, _ = self._sock.recvmsg(4096, socket.CMSG_SPACE(4))
            for _, _, data in ancillary:
                self._given = socket.socket(fileno=int.from_bytes(data, sys.byteorder))
            if not said:
                return
            text = (text + said.decode()).lstrip()
            # the client puts nothing between two commands
            with suppress(json.JSONDecodeError):
                while text:
                    command, end = json.JSONDecoder().raw_decode(text)
                    text = text[end:].lstrip()
                    self._execute(command)

    def _execute(self, command: dict[str, Any]) -> None:
        name = command["execute"]
        self.done.append(name)
        value: object = {}
        if name == "query-migrate":
            value = self._loading.pop(0) if len(self._loading) > 1 else self._loading[0]
        elif name == "query-cpus-fast":
            value = [{"qom-path": f"/machine/cpu[{number}]"} for number in range(2)]
        elif name == "object-add":
            threading.Thread(target=self._listen).start()
        self._sock.sendall(json.dumps({"return": value, "id": command["id"]}).encode() + b"\n")

    def _listen(self) -> None:
        assert self._given is not None
        for line in self._given.makefile():
            self.asked.append(line.rstrip("\n"))
            self._given.sendall(f"{self._answer}\n".encode())


@contextmanager
def stand(
    loading: tuple[dict[str, str], ...] = LOADING, answer: str = "OK"
) -> Iterator[tuple[Stand, Monitor]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        qemu = Stand(theirs, loading, answer)
        monitor = Monitor(ours, None, slowness=1.0, negotiated=True)
        try:
            yield qemu, monitor
        finally:
            monitor.close()
            qemu.join()


def test_each_processors_interrupt_is_raised_once_the_state_is_loaded() -> None:
    with stand() as (qemu, monitor):
        start_timers(monitor, 11, slowness=1.0)
    assert qemu.asked == [f"set_irq_in /machine/cpu[{number}] unnamed-gpio-in 11 1" for number in range(2)]
    assert qemu.done == [
        *("query-migrate", "query-migrate", "query-migrate", "query-cpus-fast"),
        *("getfd", "chardev-add", "object-add", "object-del", "chardev-remove"),
    ]


def test_qemu_that_refuses_is_quoted() -> None:
    with (
        stand(answer="FAIL Unknown device") as (_, monitor),
        pytest.raises(ForkError, match=r"its timer cannot be started: set_irq_in .*: FAIL Unknown device"),
    ):
        start_timers(monitor, 11, slowness=1.0)


def test_state_that_does_not_load_is_an_error() -> None:
    with (
        stand(({"status": "failed"},)) as (_, monitor),
        pytest.raises(ForkError, match="its state is not loaded: failed"),
    ):
        start_timers(monitor, 11, slowness=1.0)


def test_qemu_that_ends_while_it_loads_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        monitor = Monitor(ours, None, slowness=1.0, negotiated=True)
        theirs.close()
        with pytest.raises(ForkError, match="its timer cannot be started: QMP query-migrate"):
            start_timers(monitor, 11, slowness=1.0)
        monitor.close()
