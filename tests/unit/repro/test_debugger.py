"""What gdb is told of a machine."""

from __future__ import annotations

from pathlib import Path

from rustbed.repro.debugger import gdb_argv, gdb_facts, parse_sections
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


def test_facts_have_what_gdb_connects_to_and_all_symbols() -> None:
    symbols = Symbols(vmlinux=Path("/v"), modules={"a": Path("/a.ko")}, trees=(("/src", Path("/s")),))
    facts = gdb_facts(symbols, Path("/run/gdb"), {"a": {".text": 16}})
    assert (facts["socket"], facts["loaded"]) == ("/run/gdb", {"a": {".text": 16}})
    assert (facts["modules"], facts["trees"]) == ({"a": "/a.ko"}, [("/src", "/s")])


def test_gdb_runs_nothing_that_belongs_to_others() -> None:
    argv = gdb_argv(["gdb"], Path("/f"), Path("/v"), ["bt", "quit"])
    assert argv[:4] == ["gdb", "-nx", "-quiet", "-iex"]
    assert argv[4] == "set auto-load off"
    assert argv[-4:] == ["-ex", "bt", "-ex", "quit"]
    assert "-batch" in argv
    assert "-batch" not in gdb_argv(["gdb"], Path("/f"), Path("/v"), [])
