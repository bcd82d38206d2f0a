"""A serial peer and a scripted QEMU: what is said on the line, and what must never pass for a result."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.edge.devices.peer import exactly

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.serial import Heard, Said, SerialPeer, serve
from rustbed.devices.stream import StreamServed
from rustbed.errors import DeviceError, UsageError


class Echo(SerialPeer):
    """Answers lines in capitals."""

    ends = b"\n"

    def on_receive(self, data: bytes) -> bytes:
        return data.upper()


@contextmanager
def reaching(served: StreamServed) -> Iterator[socket.socket]:
    """Connect as one machine does: several may, one after the other."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        sock.connect(served.argv[1].partition("path=")[2])
        yield sock


@contextmanager
def connected(peer: SerialPeer, directory: Path | None = None) -> Iterator[socket.socket]:
    with serve(peer, directory) as served, reaching(served) as sock:
        option, _, serial, name = served.argv
        assert (option, serial, name) == ("-chardev", "-serial", f"chardev:{peer.chardev}")
        while True:
            try:
                peer.send(b"")
            except UsageError:
                # it was connected to, and has not noticed yet
                time.sleep(0.005)
            else:
                break
        yield sock


def test_messages_are_answered_whole_and_bytes_are_traced_together(tmp_path: Path) -> None:
    peer = Echo()
    with connected(peer, tmp_path) as qemu:
        for byte in b"one\ntw":
            qemu.sendall(bytes((byte,)))
        assert exactly(qemu, 4) == b"ONE\n"
        qemu.sendall(b"o\nthree\n")
        assert exactly(qemu, 10) == b"TWO\nTHREE\n"
        assert peer.heard == b"one\ntwo\nthree\n"
        assert [type(each) for each in peer.trace][-1] is Said
        peer.forget()
        peer.send(b"by itself")
        assert exactly(qemu, 9) == b"by itself"
        assert peer.trace == [Said(b"by itself")]
    assert (tmp_path / "Echo.trace").read_text().endswith(" peer b'by itself'\n")


def test_peer_that_is_silent_hears_and_one_that_garbles_says_what_arrives() -> None:
    peer = Echo()
    with connected(peer) as qemu:
        peer.fault = Fault(kind=FaultKind.GONE)
        qemu.sendall(b"a\n")
        assert peer.trace == [Heard(b"a\n")]
        peer.fault = Fault(kind=FaultKind.GARBAGE)
        qemu.sendall(b"b\n")
        assert exactly(qemu, 2) == b"\x17\x5f"
        assert peer.trace[-1] == Said(b"\x17\x5f")


def test_what_it_does_later_is_done_in_its_thread() -> None:
    peer, threads = SerialPeer(), set[str]()

    def speak() -> None:
        threads.add(threading.current_thread().name)
        peer.send(b"late")

    with connected(peer) as qemu:
        peer.after(0.01, speak)
        assert exactly(qemu, 4) == b"late"
    assert threads == {"SerialPeer device"}


def test_connection_that_is_closed_is_no_failure_and_another_may_come() -> None:
    peer = Echo()
    with serve(peer) as served:
        for text in (b"a\n", b"b\n"):
            with reaching(served) as sock:
                sock.sendall(text)
                assert exactly(sock, 2) == text.upper()
        served.check()


def test_next_machine_gets_nothing_that_was_meant_for_the_one_before() -> None:
    peer = Echo()
    with serve(peer) as served:
        for word in (b"first", b"other"):
            with reaching(served) as sock:
                sock.sendall(b"a\nhalf a message")
                assert exactly(sock, 2) == b"A\n"
                peer.after(0.2, partial(peer.send, word))
                # due after the other one
                assert word == b"first" or exactly(sock, 5) == b"other"


def look_for_ever(peer: SerialPeer) -> None:
    with connected(peer) as qemu:
        qemu.sendall(b"anything")
        # the trace is what a test looks at; a wait of the machine asks `check`
        while True:
            assert isinstance(peer.trace, list)


def fail_for_it(peer: SerialPeer) -> None:
    with connected(peer) as qemu:
        qemu.sendall(b"anything")
        raise AssertionError("what the driver lacks")


class Raising(SerialPeer):
    def on_receive(self, data: bytes) -> bytes:
        raise KeyError("boom")


class Wordy(SerialPeer):
    def on_receive(self, data: bytes) -> bytes:
        return "text"  # type: ignore[return-value]


class Stuck(SerialPeer):
    def on_receive(self, data: bytes) -> bytes:
        threading.Event().wait(4)
        return b""


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Raising, "Raising raised in on_receive: KeyError: 'boom'"),
        (Wordy, "Wordy: on_receive returned 'text' instead of bytes"),
        (Stuck, "Stuck has not returned for 2 s; the guest waits"),
    ],
)
def test_peer_that_fails_is_an_error_whoever_looks(kind: type[SerialPeer], said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        look_for_ever(kind())
    assert caught.value.headline == said


def test_peer_that_fails_is_an_error_although_the_test_failed_too() -> None:
    with pytest.raises(DeviceError) as caught:
        fail_for_it(Raising())
    assert isinstance(caught.value.__cause__, AssertionError)


def test_peer_without_a_machine_refuses_to_speak() -> None:
    peer = SerialPeer()
    with pytest.raises(UsageError, match="not plugged into a machine"):
        peer.send(b"x")
    with pytest.raises(UsageError, match="not plugged into a machine"):
        peer.after(0, lambda: None)
    with serve(peer), pytest.raises(UsageError, match="not plugged into a machine"):
        peer.send(b"x")
    assert peer.trace == []


class Chatty(SerialPeer):
    def on_receive(self, data: bytes) -> bytes:
        self.after(0.05, lambda: self.send(b"to nobody"))
        return bytes(1 << 20)


def test_machine_that_ends_while_the_peer_speaks_is_no_failure() -> None:
    with connected(Chatty()) as qemu:
        qemu.sendall(b"go")
        exactly(qemu, 1)
    # it would have been raised on the way out


def test_test_that_speaks_to_a_machine_that_has_gone_is_told() -> None:
    peer = SerialPeer()
    with connected(peer) as qemu:
        qemu.shutdown(socket.SHUT_RD)
        with pytest.raises(DeviceError, match="SerialPeer: QEMU did not read"):
            peer.send(b"x" * 100)


def test_faults_are_planned_for_what_the_test_has_forgotten_too() -> None:
    peer = SerialPeer()
    with connected(peer):
        peer.send(b"ab")
        peer.forget()
        peer.send(b"c")
        assert (peer.trace, peer.plan().accesses) == ([Said(b"c")], 3)
