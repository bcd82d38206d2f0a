"""The second way in, with threads in the place of a guest's shell."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rustbed.guest.pulse import Pulse


@contextmanager
def answering(answer: Callable[[socket.socket, bytes], None]) -> Iterator[Pulse]:
    """Yield a pulse whose questions a thread answers; it is given what the question ends with."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        asked = b""
        with suppress(OSError):
            while not (asked.endswith(b"\n") and b"echo " in asked):
                asked += theirs.recv(4096)
            answer(theirs, asked.rpartition(b"echo ")[2])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Pulse(ours)
    finally:
        ours.close()
        theirs.close()
        thread.join()


def test_slow_answer_is_waited_for_as_long_as_it_goes_on() -> None:
    def dribble(sock: socket.socket, mark: bytes) -> None:
        for number in range(6):
            time.sleep(0.5)
            sock.sendall(b"task %d\n" % number)
        sock.sendall(mark)

    with answering(dribble) as pulse:
        answer = pulse.query("tell", 2.5)
    assert answer == "".join(f"task {number}\n" for number in range(6))


def test_answer_that_stops_half_way_is_none() -> None:
    with answering(lambda sock, mark: sock.sendall(b"task 0\n")) as pulse:
        assert pulse.query("tell", 0.2) is None


def test_answer_without_end_is_none() -> None:
    def babble(sock: socket.socket, mark: bytes) -> None:
        for _ in range(1000):
            sock.sendall(b"task\n")
            time.sleep(0.02)

    with answering(babble) as pulse:
        started = time.monotonic()
        assert pulse.query("tell", 0.1) is None
    assert time.monotonic() - started >= 1.0


def test_closed_channel_is_no_answer() -> None:
    with answering(lambda sock, mark: sock.close()) as pulse:
        assert pulse.query("tell", 0.2) is None
