"""What module files say about themselves, and which are refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernels import make_kernel
from tests.unit.kernel.elf_files import make_elf, make_module

from rustbed.arch import ARCHES, Arch, require_arch
from rustbed.errors import MismatchError
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.elf import parse_elf
from rustbed.kernel.module import describe_modules, parse_module, read_module, require_loadable


def kernel_with(tmp_path: Path, modules: dict[str, Module], release: str = "7.3.4") -> Kernel:
    return make_kernel(release=release, modules=modules)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_module_names_itself_its_kernel_and_its_needs() -> None:
    facts = parse_module(make_module("nova-core", "7.3.4 SMP ", "drm,aux-bus"), "file")
    assert facts.name == "nova_core"
    assert facts.vermagic == "7.3.4 SMP "
    assert facts.release == "7.3.4"
    assert facts.depends == ("drm", "aux_bus")


@pytest.mark.parametrize(
    ("flags", "taints"),
    [(("intree",), False), ((), True), (("intree", "staging"), True), (("intree", "test"), True)],
)
def test_modules_for_which_the_kernel_taints_itself_are_known(flags: tuple[str, ...], taints: bool) -> None:
    assert parse_module(make_module(flags=flags), "x").taints == taints


@pytest.mark.parametrize("row", ARCHES.values(), ids=str)
def test_the_architecture_is_read_from_the_header(row: Arch) -> None:
    assert parse_module(make_module(arch=row), "x").elf.name_arch() == row.name


def test_either_word_size_and_byte_order_is_read() -> None:
    for bits in (32, 64):
        for big in (False, True):
            elf = parse_elf(make_elf({".x": b"abc"}, machine=22, word_bits=bits, big_endian=big))
            assert (elf.machine, elf.word_bits, elf.big_endian) == (22, bits, big)
            assert [section.name for section in elf.sections if section.size == 3] == [".x"]


def test_an_unknown_machine_is_named_by_its_number() -> None:
    assert parse_elf(make_elf({}, machine=43, big_endian=True)).name_arch() == "ELF machine 43, 64 bits"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"#!/bin/sh\n", "not an ELF file"),
        (b"", "not an ELF file"),
        (make_module()[:200], "cut off"),
        (make_elf({".text": b""}), "no .modinfo"),
        (make_elf({".modinfo": b"name=x\0"}), "no vermagic"),
    ],
)
def test_what_is_no_module_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(MismatchError, match=problem):
        read_module(write(tmp_path / "x.ko", data))


def test_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="No such file"):
        read_module(tmp_path / "x.ko")


@given(st.binary(max_size=300))
def test_parsing_raises_nothing_but_value_error(data: bytes) -> None:
    for start in (b"", b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01"):
        with contextlib.suppress(ValueError):
            parse_module(start + data, "x")


def test_modules_are_known_by_the_name_inside(tmp_path: Path) -> None:
    path = write(tmp_path / "rnull.ko", make_module("rnull_mod", depends="configfs"))
    expected = {"rnull_mod": Module(name="rnull_mod", path=path, depends=("configfs",))}
    assert describe_modules([path]) == expected


def test_a_module_for_another_architecture_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ko", make_module(arch=require_arch("riscv64")))
    with pytest.raises(MismatchError, match=r"x\.ko is for riscv64, the kernel is for x86_64"):
        require_loadable(path, kernel_with(tmp_path, {}))


def test_a_module_for_another_release_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ko", make_module(vermagic="7.3.3 SMP mod_unload "))
    with pytest.raises(MismatchError) as caught:
        require_loadable(path, kernel_with(tmp_path, {}))
    assert caught.value.facts["vermagic"] == "7.3.3 SMP mod_unload "
    assert caught.value.facts["kernel"] == "7.3.4"


def test_a_module_for_another_configuration_is_refused(tmp_path: Path) -> None:
    own = describe_modules([write(tmp_path / "own.ko", make_module("own"))])
    path = write(tmp_path / "x.ko", make_module(vermagic="7.3.4 mod_unload "))
    with pytest.raises(MismatchError, match="another kernel"):
        require_loadable(path, kernel_with(tmp_path, own))


def test_a_module_for_this_kernel_is_taken(tmp_path: Path) -> None:
    own = describe_modules([write(tmp_path / "own.ko", make_module("own"))])
    require_loadable(write(tmp_path / "x.ko", make_module("x")), kernel_with(tmp_path, own))
