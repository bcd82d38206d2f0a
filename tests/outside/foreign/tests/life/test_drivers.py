"""The drivers come and go. Some tests are red on purpose."""

from __future__ import annotations

from pathlib import Path

from harness.numbers import FIRST

from rustbed import Vm


def test_reader_reads_the_first_number(counter: Vm, reader: Path) -> None:
    with counter.module(reader):
        assert f"reader: read {FIRST}" in counter.log


def test_counter_says_how_far_it_went(vm: Vm, drivers: dict[str, Path]) -> None:
    with vm.module(drivers["counter"]):
        pass
    assert "counter: counted to 0" in vm.log


def test_warns(counter: Vm, reader: Path) -> None:
    with counter.module(reader, fault=1):
        pass


def test_panics(counter: Vm, reader: Path) -> None:
    with counter.module(reader, fault=2):
        pass
