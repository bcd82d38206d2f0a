"""What gdb is told of a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.arch import ARCHES
from harness.errors import HostError
from harness.kernel.artifact import Module
from harness.repro.debugger import gdb_argv, gdb_facts, module_files, parse_sections, require_gdb
from tests.unit.repro.scenes import scene, told

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


def test_modules_are_the_kernels_and_those_that_were_pushed() -> None:
    plain = scene((told("mkdir -p /x && exec rbctl put /tmp/rustbed/my-toy.ko 5 644", stdin="a" * 64),))
    modules = {"loop": Module(name="loop", path=Path("/k/loop.ko"))}
    spec = replace(plain.spec, kernel=replace(plain.spec.kernel, modules=modules))
    assert module_files(replace(plain, spec=spec)) == {
        "loop": "/k/loop.ko",
        "my_toy": f"/nowhere/inputs/{'a' * 64}",
    }


def test_facts_lead_from_the_compilers_paths_to_ours() -> None:
    plain = scene()
    kernel = replace(plain.spec.kernel, source_dir=Path("/home/me/linux"))
    facts = gdb_facts(replace(plain, spec=replace(plain.spec, kernel=kernel)), Path("/s/gdb"), {})
    assert facts["sources"] == [("/src", "/home/me/linux")]
    assert facts["socket"] == "/s/gdb"


def test_gdb_runs_nothing_that_belongs_to_others() -> None:
    argv = gdb_argv("gdb", Path("/f"), Path("/v"), ["bt", "quit"])
    assert argv[:4] == ["gdb", "-nx", "-quiet", "-iex"]
    assert argv[4] == "set auto-load off"
    assert argv[-4:] == ["-ex", "bt", "-ex", "quit"]
    assert "-batch" in argv
    assert "-batch" not in gdb_argv("gdb", Path("/f"), Path("/v"), [])


def test_a_missing_gdb_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="gdb-multiarch"):
        require_gdb(ARCHES["riscv64"])
