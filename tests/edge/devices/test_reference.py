"""The reference devices and a scripted client: what needs no machine to be seen."""

from __future__ import annotations

import time

from tests.edge.devices.peer import connected

from rustbed.devices.messages import Command
from rustbed.devices.reference.edu import Edu


def test_edu_forgets_a_transfer_when_it_is_reset() -> None:
    with connected(Edu()) as peer:
        peer.write(7, 4, 2, 0x6)
        # 8 bytes of the buffer to memory
        for offset, value in ((0x80, 0x40000), (0x88, 0x1000), (0x90, 8), (0x98, 3)):
            peer.write(0, offset, 8, value)
        peer.ask(Command.RESET)
        time.sleep(0.2)
        assert [peer.read(0, offset, 8) for offset in (0x80, 0x88, 0x90, 0x98)] == [0, 0, 0, 0]


def test_edu_has_an_empty_buffer_when_it_is_reset() -> None:
    edu = Edu()
    with connected(edu) as peer:
        edu.buffer[:4] = b"left"
        peer.ask(Command.RESET)
        assert edu.buffer == bytes(4096)
