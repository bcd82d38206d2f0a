"""What a machine does before it is copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kernels import make_kernel
from tests.unit.kernel.elf_files import make_module

from rustbed.forks.hot.warming import find_refused_load, render_warm_up
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.module import describe_modules

LOAD = "rbctl insmod /lib/modules/small.ko level=?"


def kernel_with(directory: Path, **modules: bytes) -> Kernel:
    for name, data in modules.items():
        (directory / f"{name}.ko").write_bytes(data)
    return make_kernel(modules=describe_modules(sorted(directory.glob("*.ko"))))


def test_smallest_module_with_a_number_is_loaded_with_what_is_none(tmp_path: Path) -> None:
    small = make_module("small", parameters=["who:charp", "level:int"])
    large = make_module("large", parameters=["level:int"]) + bytes(1000)
    assert find_refused_load(kernel_with(tmp_path, large=large, small=small)) == LOAD


def test_module_whose_init_refuses_is_loaded_where_it_is_in_the_image_and_not_kept(tmp_path: Path) -> None:
    small = make_module("small", parameters=["level:int"])
    loop = make_module("loop", parameters=["max_part:int"]) + bytes(1000)
    assert find_refused_load(kernel_with(tmp_path, small=small, loop=loop)) == (
        "rbctl insmod /lib/modules/loop.ko max_part=1048576 && _rbctl rmmod loop"
    )


def test_module_whose_init_refuses_is_not_loaded_if_it_would_leave_something(tmp_path: Path) -> None:
    small = make_module("small", parameters=["level:int"])
    loop = make_module("loop", parameters=["max_part:int"], depends="other")
    assert find_refused_load(kernel_with(tmp_path, small=small, loop=loop)) == LOAD


@pytest.mark.parametrize(
    "module",
    [
        make_module("small"),
        make_module("small", parameters=["who:charp"]),
        # would be refused before most of the work is done
        make_module("small", parameters=["level:int"], depends="other"),
        # would leave a taint
        make_module("small", parameters=["level:int"], flags=()),
        make_module("small", parameters=["level:int"], flags=("intree", "staging")),
    ],
    ids=["no parameter", "text", "a dependency", "out of tree", "staging"],
)
def test_module_that_would_leave_something_or_is_refused_early_is_not_loaded(
    tmp_path: Path, module: bytes
) -> None:
    assert find_refused_load(kernel_with(tmp_path, small=module)) == ""


def test_kernel_whose_modules_are_not_in_its_image_has_none_to_load(tmp_path: Path) -> None:
    many = {f"m{number}": make_module(f"m{number}", parameters=["level:int"]) for number in range(301)}
    assert find_refused_load(kernel_with(tmp_path, **many)) == ""


def test_load_is_warmed_as_often_as_every_other_step() -> None:
    def lines(load: str) -> list[str]:
        return render_warm_up("m", ["first"], load).splitlines()

    (count,) = {
        sum(step in line for line in lines(LOAD)) for step in ("rbctl insmod /lib", "rbctl rmmod", "uptime")
    }
    assert count > 1
    assert sum("first" in line for line in lines(LOAD)) == 1
    assert len(lines(LOAD)) == len(lines("")) + count
