"""Splats to lines of source, with a llvm-symbolizer that says what the test wants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import Symbol, make_build_id, make_elf, make_symbols

from rustbed import runfiles
from rustbed.cli.main import main
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats
from rustbed.log.symbolize import Build
from rustbed.symbols.debugfiles import DebugFile, DebugFiles, render_files
from rustbed.symbols.lines import Lines, find_debug_files, read_lines

BANNER = "Linux version 7.3.4 (me@here) (clang) #1 SMP"
LOG = """\
BUG: kernel NULL pointer dereference, address: 0000000000000010
Oops: Oops: 0000 [#1] SMP
RIP: 0010:toy_read+0x12/0x20
Call Trace:
 vfs_read+0x9e/0x100
"""
ANSWER = '{"Address":"0x12","ModuleName":"m","Symbol":[%s]}'
LEVEL = '{"FileName":"%s","FunctionName":"%s","Line":%d}'


SYMBOLS = (
    Symbol(name="toy_read", section=1, value=0, size=0x20),
    Symbol(name="vfs_read", section=1, value=0x20, size=0x100),
)


def write_vmlinux(path: Path, symbols: tuple[Symbol, ...] = SYMBOLS) -> Path:
    sections = {
        ".text": bytes(0x140),
        **make_symbols(symbols),
        ".debug_info": b"x",
        ".rodata": f"{BANNER}\n\0".encode(),
        ".notes": make_build_id("ab" * 20),
    }
    path.write_bytes(make_elf(sections, code=(".text",)))
    return path


@pytest.fixture
def files(tmp_path: Path) -> DebugFiles:
    """A vmlinux, its source, and a symbolizer that finds every address in line 3 of it."""
    vmlinux = write_vmlinux(tmp_path / "vmlinux")
    source = tmp_path / "toy.c"
    source.write_text("one\ntwo\nthree\nfour\n")
    answer = ANSWER % (LEVEL % (source, "toy_read", 3))
    program = tmp_path / "symbolizer"
    program.write_text(f"#!/bin/sh\nwhile read -r line; do printf '%s\\n' '{answer}'; done\n")
    program.chmod(0o755)
    vmlinux.touch()
    return DebugFiles(symbolizer=(str(program),), files={"": DebugFile(path=vmlinux)})


def read(files: DebugFiles | None, build: Build | None = None, log: str = LOG) -> Lines:
    records = parse_console(log)
    return read_lines(records, find_splats(records), files, build or Build())


# as a kernel with KASAN says of a NULL pointer on arm64: to the first report the place is that of a call
TWICE = f"""\
==================================================================
BUG: KASAN: null-ptr-deref in toy_read+0x12/0x20
Read of size 4 at addr 0000000000000010 by task toy/44
Call trace:
 toy_read+0x12/0x20
 vfs_read+0x9e/0x100
==================================================================
{LOG}"""


def test_two_reports_of_one_place_are_both_pointed_at_its_line(files: DebugFiles) -> None:
    found = read(files, log=TWICE).refined.values()
    assert [(splat.kind, splat.file, splat.line) for splat in found] == [
        ("kasan", "toy.c", 3),
        ("oops", "toy.c", 3),
    ]


def test_blamed_line_comes_with_its_source(files: DebugFiles) -> None:
    lines = read(files)
    (splat,) = lines.refined.values()
    # named from the directory that vmlinux is in: that of the tree, or of its O=
    assert (splat.function, splat.file, splat.line) == ("toy_read", "toy.c", 3)
    assert lines.blames[splat].source == ((1, "one"), (2, "two"), (3, "three"), (4, "four"))
    assert lines.notes == ()
    assert "toy_read+0x12/0x20" in lines.records[2].text
    assert lines.records[2].text.endswith(" toy.c:3")


def test_directory_that_a_kernel_was_built_from_is_told_by_its_first_function(tmp_path: Path) -> None:
    # whose name lets the kernel's root be mistaken
    tree = tmp_path / "rust/net/lib"
    vmlinux = tmp_path / "vmlinux"
    write_vmlinux(vmlinux, (*SYMBOLS, Symbol(name="start_kernel", section=1, value=0x120, size=0x20)))
    # by the end of the address
    answers = {
        "12": (tree / "lib/toy.c", "toy_read"),
        "bd": (tree / "fs/read_write.c", "vfs_read"),
        "120": (tree / "init/main.c", "start_kernel"),
    }
    cases = "".join(
        f"*{address}) printf '%s\\n' '{ANSWER % (LEVEL % (*place, 3))}';;\n"
        for address, place in answers.items()
    )
    program = tmp_path / "symbolizer"
    program.write_text(f'#!/bin/sh\nwhile read -r line; do case "$line" in\n{cases}esac; done\n')
    program.chmod(0o755)
    lines = read(DebugFiles(symbolizer=(str(program),), files={"": DebugFile(path=vmlinux)}))
    (splat,) = lines.refined.values()
    assert lines.notes == ()
    assert lines.records[2].text.endswith(" lib/toy.c:3")
    assert (splat.function, splat.file) == ("toy_read", "lib/toy.c")


@pytest.mark.parametrize(
    ("build", "note"),
    [
        (Build(banner="Linux version 7.3.4 (me@there) (gcc) #2 SMP"), "it is of another build"),
        (Build(release="6.1.0"), "it is of 7.3.4, the log of 6.1.0"),
    ],
)
def test_vmlinux_of_another_kernel_is_not_believed(files: DebugFiles, build: Build, note: str) -> None:
    lines = read(files, build)
    (splat,) = lines.refined.values()
    assert (splat.function, splat.file) == ("toy_read", None)
    assert lines.records == parse_console(LOG)
    assert note in lines.notes[0]


def test_vmlinux_of_the_log_is_believed(files: DebugFiles) -> None:
    assert read(files, Build(banner=BANNER, release="7.3.4")).notes == ()
    # a log may lack the banner's end
    assert read(files, Build(banner=BANNER[:30])).notes == ()


def test_without_files_there_is_what_the_log_says() -> None:
    lines = read(None)
    assert lines.records == parse_console(LOG)
    assert [splat.file for splat in lines.refined.values()] == [None]


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("echo broken >&2; exit 3", "ended with status 3"),
        ("cat >/dev/null; echo '{}'", "answered 1 of 2 questions"),
        ("cat >/dev/null; echo '{broken'", "answer cannot be read"),
    ],
)
def test_symbolizer_that_fails_is_a_note(files: DebugFiles, script: str, note: str) -> None:
    Path(files.symbolizer[0]).write_text(f"#!/bin/sh\n{script}\n")
    lines = read(files)
    assert note in lines.notes[0]
    assert lines.records == parse_console(LOG)


def test_missing_symbolizer_is_a_note(files: DebugFiles, tmp_path: Path) -> None:
    nothing = str(tmp_path / "nothing")
    lines = read(DebugFiles(symbolizer=(nothing,), files=files.files))
    assert len(lines.notes) == 1
    assert [splat.file for splat in lines.refined.values()] == [None]


def test_files_are_those_of_the_run_directory_unless_named(files: DebugFiles, tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text(LOG)
    assert find_debug_files(log, vmlinux=None, modules=None, cache_root=tmp_path) is None
    (tmp_path / runfiles.SYMBOLS).write_text(render_files(files))
    assert find_debug_files(log, vmlinux=None, modules=None, cache_root=tmp_path) == files
    other = tmp_path / "other"
    other.write_bytes(b"")
    named = find_debug_files(log, vmlinux=other, modules=None, cache_root=tmp_path)
    assert named is not None
    assert named.files == {"": DebugFile(path=other)}


# -- rustbed explain -----------------------------------------------------------


@pytest.fixture
def log(files: DebugFiles, tmp_path: Path) -> Path:
    """A console in a run directory."""
    (tmp_path / runfiles.SYMBOLS).write_text(render_files(files))
    path = tmp_path / "console.log"
    path.write_text(f"{BANNER}\nquiet\n{LOG}quiet\n")
    return path


def test_explain_takes_what_the_run_directory_names(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(log), "--json"]) == 1
    (splat,) = json.loads(capsys.readouterr().out)
    assert {name: splat[name] for name in ("function", "file", "line", "first_line")} == {
        "function": "toy_read",
        "file": "toy.c",
        "line": 3,
        "first_line": 3,
    }


def test_explain_shows_places_and_source(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(log)]) == 1
    said = capsys.readouterr()
    assert "   source    toy.c:3 in toy_read\n" in said.out
    assert "             > 3 | three\n" in said.out
    assert any(line.startswith("   5 | RIP: 0010:toy_read+0x12/0x20 ") for line in said.out.splitlines())
    assert said.err == ""


def test_explain_says_why_a_vmlinux_is_not_believed(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    text = log.read_text().replace("#1 SMP", "#2 SMP")
    (other / "bug-report.txt").write_text(text)
    vmlinux = tmp_path / "vmlinux"
    words = ["explain", str(other / "bug-report.txt"), "--json", "--vmlinux", str(vmlinux)]
    assert main([*words, "--modules", str(other)]) == 1
    said = capsys.readouterr()
    assert [(splat["function"], splat["file"], splat["line"]) for splat in json.loads(said.out)] == [
        ("toy_read", None, None)
    ]
    assert said.err.startswith(f"rustbed: vmlinux: it is of another build, the log's is: {BANNER[:-6]}#2 SMP")


def test_explain_refuses_a_vmlinux_that_is_not_there(log: Path) -> None:
    assert main(["explain", str(log), "--vmlinux", "/nonexistent/vmlinux"]) == 2
    assert main(["explain", str(log), "--modules", "/nonexistent"]) == 2
