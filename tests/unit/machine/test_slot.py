"""Turning off a slot that the kernel is still turning on."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from rustbed.errors import CommandError
from rustbed.machine import slot
from rustbed.machine.live import Live


class Guest:
    """A guest whose kernel has answers to the command."""

    def __init__(self, *outputs: str) -> None:
        self.outputs = list(outputs)

    def check(self, command: str, _: float) -> str:
        assert '[ "$at" = 0000:01:00 ] && echo 0 >$slot/power' in command
        if output := self.outputs.pop(0):
            raise CommandError("it failed", status=1, output=output)
        return ""

    def wait_for(self, condition: Callable[[], bool], _: str, __: float) -> bool:
        while not condition():
            pass
        return True


def turn_off(guest: Guest) -> list[str]:
    slot.turn_off(cast(Live, guest), "0000:01:00.0", 1)
    return guest.outputs


def test_slot_is_turned_off_once_the_kernel_has_turned_it_on() -> None:
    refused = "sh: write error: No such device"
    assert turn_off(Guest(refused, refused, "", "one too many")) == ["one too many"]


def test_device_without_a_slot_is_an_error() -> None:
    with pytest.raises(CommandError):
        turn_off(Guest("what it says"))
