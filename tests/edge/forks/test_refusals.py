"""Programs and hosts of which no copies can be made, and what a copy may not do either."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.edge.forks.conftest import Start, compile_sandboxed, compile_standin, descriptors
from tests.processes import children

from rustbed.errors import ForkError


# a number that glibc keeps nowhere, and one that is in many places
@pytest.mark.parametrize("number", [-123456, 0])
def test_glibc_whose_place_of_a_threads_number_is_not_found_is_refused(
    start: Start, tmp_path: Path, number: int
) -> None:
    program = start(compile_standin(tmp_path, f"-DNUMBER={number}"), ready=False)
    with pytest.raises(ForkError, match="where glibc keeps a thread's number is not found"):
        program.copier.require_ready(20)
    # and runs on without copies
    assert [program.say("add 1"), program.say("workers")] == ["1", "3"]


@pytest.mark.parametrize("place", [0, 1 << 30], ids=["another", "outside"])
def test_place_that_glibc_tells_wrongly_is_found_by_the_number(
    start: Start, tmp_path: Path, place: int
) -> None:
    program = start(compile_standin(tmp_path, f"-DTOLD={place}"))
    with program.copied() as copy:
        # threads are sent signals by the number that is kept there
        assert [copy.say("workers"), copy.say("workers")] == ["3", "3"]


# aarch64's kernel tells it so; bit 1 is for a stack that may be written to, but is not in use
@pytest.mark.parametrize(("told", "is_refused"), [(0b00, False), (0b10, False), (0b11, True)])
def test_program_with_a_shadow_stack_is_refused(
    start: Start, tmp_path: Path, told: int, is_refused: bool
) -> None:
    program = start(compile_standin(tmp_path, f"-DSHADOW={told}"), ready=not is_refused)
    if is_refused:
        with pytest.raises(ForkError, match="it has a shadow stack"):
            program.copier.require_ready(20)
    assert [program.say("add 1"), program.say("workers")] == ["1", "3"]


def test_host_without_memory_for_a_copy_is_named_and_harms_nothing(start: Start) -> None:
    program = start()
    assert program.say("forbid copies") == "0"
    before = descriptors(program.pid)
    with (
        pytest.raises(ForkError, match="the host's kernel does not copy it: Cannot allocate memory"),
        program.copied(),
    ):
        pass
    assert [program.say("add 1"), program.say("workers")] == ["1", "3"]
    assert descriptors(program.pid) == before


def test_host_without_memory_for_a_copys_threads_is_named_and_leaves_no_copy(start: Start) -> None:
    program = start()
    assert program.say("forbid threads") == "0"
    # the servers of other tests' machines may be among them
    processes, before = children(os.getpid()), descriptors(program.pid)
    with (
        pytest.raises(ForkError, match="did not start: a thread cannot be made: Cannot allocate memory"),
        program.copied(),
    ):
        pass
    assert children(os.getpid()) == processes
    assert [program.say("add 1"), program.say("workers")] == ["1", "3"]
    assert descriptors(program.pid) == before


def test_sandbox_allows_copies_and_nothing_else_in_all_of_them(start: Start, tmp_path: Path) -> None:
    forbidden = "Operation not permitted, Operation not permitted"
    program = start(compile_sandboxed(tmp_path, "-DEXPORT"))
    assert program.say("load sandbox") == "0"
    with program.copied() as copy, copy.copied() as second:
        for each in (program, copy, second):
            assert each.say("try sandbox") == forbidden
            assert each.say("workers") == "3"


def test_sandbox_that_does_not_tell_its_filter_is_kept_and_there_are_no_copies(
    start: Start, tmp_path: Path
) -> None:
    program = start(compile_sandboxed(tmp_path))
    assert program.say("load sandbox") == "0"
    with (
        pytest.raises(ForkError, match="the host's kernel does not copy it: Operation not permitted"),
        program.copied(),
    ):
        pass
    assert program.say("try sandbox") == "Operation not permitted, Operation not permitted"


def test_rings_of_the_kernel_are_not_made(start: Start, tmp_path: Path) -> None:
    # ENOSYS: QEMU goes on without them
    assert start(compile_sandboxed(tmp_path)).say("ring") == "-38"
