"""How many tests want a machine like the next one's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rustbed.arch import ARCHES
from rustbed.plugin.ahead import count_alike
from rustbed.plugin.fixtures import ARCH_FIXTURE


def made(arch: str, *devices: str, fixture: str = "vm") -> Any:
    """Return what is asked of a collected test."""
    marks = [pytest.mark.machine(devices=list(devices)).mark] if devices else []
    return SimpleNamespace(
        fixturenames=[fixture],
        callspec=SimpleNamespace(params={ARCH_FIXTURE: ARCHES[arch]}),
        iter_markers=lambda name: marks,
    )


def collected(*items: Any) -> list[Any]:
    for item in items:
        item.session = SimpleNamespace(items=list(items))
    return list(items)


def test_tests_count_from_the_next_one_on_if_architecture_and_machine_are_the_same() -> None:
    items = collected(
        made("x86_64", "edu"),
        made("x86_64", "edu"),
        made("x86_64", "edu", "edu"),
        made("x86_64", "edu"),
        made("x86_64", "edu", fixture="boot"),
        made("arm64", "edu"),
    )
    assert [count_alike(item) for item in items] == [3, 2, 1, 1, 0, 1]
    assert count_alike(None) == 0


def test_no_more_than_those_that_come_soon_are_looked_at() -> None:
    assert count_alike(collected(*(made("x86_64") for _ in range(1000)))[0]) == 16


def test_a_test_whose_marker_is_wrong_is_like_no_other() -> None:
    wrong = made("x86_64", "edu")
    wrong.iter_markers = lambda name: [pytest.mark.machine("edu").mark]
    assert [count_alike(item) for item in collected(made("x86_64", "edu"), wrong)] == [1, 0]
