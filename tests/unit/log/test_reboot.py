"""A machine that begins again."""

from __future__ import annotations

import pytest
from tests.unit.log.examples import BOOTS, LOGS

from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, find_splats

AGAIN = "unexpected kernel reboot"


@pytest.mark.parametrize("origin", BOOTS)
def test_kernel_that_begins_anew_is_a_splat(origin: str) -> None:
    found = find_splats((*BOOTS[origin], *BOOTS[origin]))
    assert [(splat.kind, splat.title, splat.fatal) for splat in found] == [(Kind.REBOOT, AGAIN, True)]


@pytest.mark.parametrize("last", ["reboot: Restarting system", "reboot: Power down", "sysrq: Resetting"])
def test_reboot_that_was_asked_for_is_none(last: str) -> None:
    end = parse_console(f"[   99.000000] {last}\n")
    assert find_splats((*BOOTS["arm64"], *end, *BOOTS["arm64"])) == ()


def test_reboot_after_a_panic_is_none() -> None:
    found = find_splats((*LOGS["warning_panics"], *BOOTS["x86_64"]))
    assert [splat.kind for splat in found] == [Kind.WARNING]
