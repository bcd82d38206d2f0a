"""What a machine to be copied says while it is warmed."""

from __future__ import annotations

import socket
import time

import pytest

from rustbed.deadline import Deadline
from rustbed.errors import ForkError
from rustbed.forks.hot.server import read_to


def test_shell_of_a_machine_without_a_processor_is_waited_for_beyond_the_limit() -> None:
    ours, its = socket.socketpair()

    def withheld() -> float:
        # asked when the limit has passed: only now there is an answer
        its.sendall(b"\nmark\n")
        return 60.0

    with ours, its:
        read_to(ours, b"\nmark\n", Deadline(at=time.monotonic() + 0.01, seconds=60, withheld=withheld))


@pytest.mark.parametrize("closed", [False, True])
def test_shell_that_does_not_answer_is_given_up(closed: bool) -> None:
    ours, its = socket.socketpair()
    with ours, its:
        if closed:
            its.close()
        with pytest.raises(ForkError, match="QEMU has ended" if closed else "does not answer"):
            read_to(ours, b"\nmark\n", Deadline.after(0.01))
