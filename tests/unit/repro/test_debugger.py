"""What gdb is told of a machine."""

from __future__ import annotations

import socket
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.repro.debugger import gdb_argv, gdb_facts, parse_code, parse_sections, short_path
from rustbed.repro.symbols import Symbols

SECTIONS = """/sys/module/toy/sections/.text:0xffffffffa0000000
/sys/module/toy/sections/__param:0xffffffffa0002000
/sys/module/other_one/sections/.text:0xffffffffa0004000
grep: /sys/module/x: Is a directory
"""


def test_sections_are_read_by_module() -> None:
    assert parse_sections(SECTIONS) == {
        "toy": {".text": 0xFFFFFFFFA0000000, "__param": 0xFFFFFFFFA0002000},
        "other_one": {".text": 0xFFFFFFFFA0004000},
    }


def test_the_beginning_of_the_code_is_read_and_0_where_it_is_hidden() -> None:
    assert parse_code("000003ffe0100000 T _text\n") == 0x3FFE0100000
    assert parse_code("0000000000000000 T _text\n") == parse_code("") == parse_code("grep: nothing\n") == 0


def test_facts_have_what_gdb_connects_to_and_all_symbols() -> None:
    symbols = Symbols(vmlinux=Path("/v"), modules={"a": Path("/a.ko")}, trees=(("/src", Path("/s")),))
    facts = gdb_facts(symbols, ARCHES["x86_64"], Path("/run/gdb"), {"a": {".text": 16}})
    assert (facts["socket"], facts["loaded"]) == ("/run/gdb", {"a": {".text": 16}})
    assert facts["saved_registers"] == ARCHES["x86_64"].saved_registers
    assert (facts["modules"], facts["trees"]) == ({"a": "/a.ko"}, [("/src", "/s")])


def test_gdb_runs_nothing_that_belongs_to_others() -> None:
    argv = gdb_argv(["gdb"], Path("/f"), Path("/v"), ["bt", "quit"])
    assert argv[:4] == ["gdb", "-nx", "-quiet", "-iex"]
    assert argv[4] == "set auto-load off"
    assert argv[-4:] == ["-ex", "bt", "-ex", "quit"]
    assert "-batch" in argv
    assert "-batch" not in gdb_argv(["gdb"], Path("/f"), Path("/v"), [])


def test_a_socket_is_in_a_directory_whose_name_is_too_long_for_one(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    with short_path(directory) as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short / "stub"))
    assert (directory / "stub").is_socket()


def test_the_saved_registers_are_those_of_the_kernels_struct() -> None:
    # struct pt_regs of arch/x86/include/asm/ptrace.h: 21 words
    names = ARCHES["x86_64"].saved_registers
    assert (len(names), names.index("rip"), names.index("rsp")) == (21, 16, 19)
    # arch/arm/include/uapi/asm/ptrace.h: 18 words, the last of which is no register
    names = ARCHES["arm"].saved_registers
    assert (len(names), names.index("sp"), names.index("pc"), names.index("cpsr")) == (17, 13, 15, 16)
    # arch/loongarch/include/asm/ptrace.h: 32 registers, an argument, the address
    names = ARCHES["loongarch64"].saved_registers
    assert (len(names), names.index("r3"), names.index("pc")) == (34, 3, 33)
    # arch/s390/include/asm/ptrace.h above a struct stack_frame of 160 bytes: an argument, PSW, 16 registers
    names = ARCHES["s390x"].saved_registers
    assert (len(names), names.index("pc"), names.index("r15")) == (39, 22, 38)
    # arch/powerpc/include/asm/ptrace.h above a frame of 48 bytes: 32 registers, nip
    names = ARCHES["powerpc64le"].saved_registers
    assert (names.index("r0"), names.index("r1"), names.index("pc")) == (6, 7, 38)
