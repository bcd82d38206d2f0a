"""A program in C beside the tests, for the guest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rustbed import Vm

Builder = Callable[[str], Path]


def test_runs_in_the_guest(vm: Vm, build_program: Builder) -> None:
    vm.push(build_program("client.c"), "/tmp/client", mode=0o755)
    answer = vm.run("/tmp/client C")
    assert (answer.status, answer.output) == (7, "hello from C, 24 bytes")


def test_an_edit_of_what_it_includes_makes_another_one(vm: Vm, build_program: Builder) -> None:
    before = build_program("client.c")
    words = Path(__file__).parent / "include" / "words.h"
    text = words.read_text()
    try:
        words.write_text(text.replace("hello", "goodbye"))
        vm.push(build_program("client.c"), "/tmp/client", mode=0o755)
        assert vm.run("/tmp/client C").output == "goodbye from C, 24 bytes"
    finally:
        words.write_text(text)
    assert build_program("client.c") == before


def test_wrong(build_program: Builder) -> None:
    build_program("wrong.c")


def test_wrong_again(build_program: Builder) -> None:
    build_program("wrong.c")


def test_missing(build_program: Builder) -> None:
    build_program("nosuch.c")
