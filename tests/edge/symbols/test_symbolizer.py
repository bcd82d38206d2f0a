"""Frames looked up by the toolroot's llvm-symbolizer, in objects that its clang made."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.provided import missing

from rustbed import host
from rustbed.arch import ARCHES
from rustbed.cache import Cache, default_root
from rustbed.log.frame import Frame
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats
from rustbed.log.symbolize import Build, Place, Symbols
from rustbed.progress import ignore
from rustbed.symbols.debugfiles import DebugFile, DebugFiles, find_files
from rustbed.symbols.lines import read_lines
from rustbed.symbols.linetable import find_functions
from rustbed.symbols.symbolizer import look_up
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import open_toolchain

# sections that both begin at 0 in the object, as a module's .text and .init.text do
SOURCE = """\
extern void stop(int) __attribute__((noreturn));
extern volatile int sink;
static inline __attribute__((always_inline)) void store(int value)
{
    sink = value; /* store */
}
__attribute__((noinline)) void first(int value)
{
    store(value); /* first */
}
__attribute__((noinline, noreturn)) void last(int value)
{
    stop(value); /* last */
}
__attribute__((noinline)) void behind(int value)
{
    sink = value;
}
__attribute__((noinline, section(".init.text"))) void begin(int value)
{
    sink = 1;
    first(value); /* begin */
    sink = 2;
}
"""
LINES = {
    line.split("/*")[1].split()[0]: n for n, line in enumerate(SOURCE.splitlines(), start=1) if "/*" in line
}
BUILD = Build()
# bytes of an instruction, where no padding is put between functions
ALIGNED = {"arm64": 4, "riscv64": 2}

Compile = Callable[..., Path]


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    cache = Cache(default_root())
    if not any(cache.root.glob("toolroots/*/manifest.json")):
        missing(f"no toolroot in {cache.root}")
    return open_toolchain("toolroot", cache, ignore)


@pytest.fixture
def symbolizer(toolchain: Toolchain) -> tuple[str, ...]:
    return host.program_in(toolchain.root, "llvm-symbolizer")


@pytest.fixture
def compile_object(toolchain: Toolchain, tmp_path: Path) -> Compile:
    """Return a function that compiles the source for an architecture, as a module is compiled."""

    def compile_it(arch: str = "x86_64", name: str = "toy.ko", *options: str) -> Path:
        (tmp_path / "toy.c").write_text(SOURCE)
        argv = [
            *("clang", f"--target={ARCHES[arch].triple}", "-O2", "-gdwarf-5", "-ffreestanding", "-c"),
            *("-fno-asynchronous-unwind-tables", *options, "toy.c", "-o", name),
        ]
        command = toolchain.command(argv, binds=[(tmp_path, "/module")], cwd="/module")
        subprocess.run(command, check=True)
        return tmp_path / name

    return compile_it


def files(symbolizer: tuple[str, ...], path: Path) -> DebugFiles:
    return DebugFiles(symbolizer=symbolizer, files={"toy": DebugFile(path=path)})


def functions(path: Path, toolchain: Toolchain) -> dict[str, tuple[int, int]]:
    """Return value and size of each function, as llvm-readelf reads them."""
    argv = toolchain.command(
        ["llvm-readelf", "-sW", f"/work/{path.name}"], read_only=[(path.parent, "/work")]
    )
    rows = [
        line.split()
        for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    # powerpc has further words before the section's number
    return {row[-1]: (int(row[1], 16), int(row[2])) for row in rows if len(row) >= 8 and row[3] == "FUNC"}


def frame(symbol: str, offset: int, size: int, *, returns: bool = True) -> Frame:
    return Frame(symbol=symbol, offset=offset, size=size, module="toy", returns=returns)


def told(symbols: Symbols, wanted: Frame) -> list[tuple[str, str, int]]:
    return [(place.function, place.file, place.line) for place in symbols.found[wanted].places]


@pytest.mark.parametrize("row", ARCHES)
def test_module_sections_are_told_apart(
    row: str, compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object(row)
    known = functions(path, toolchain)
    assert known["first"][0] == known["begin"][0] == 0
    stopped = frame("first", 0, known["first"][1], returns=False)
    called = frame("begin", known["begin"][1], known["begin"][1])
    symbols = look_up([stopped, called], files(symbolizer, path), BUILD)
    assert symbols.notes == ()
    assert {place.function for place in symbols.found[stopped].places} <= {"store", "first"}
    assert symbols.found[stopped].places[-1].function == "first"
    assert symbols.found[called].places[-1].function == "begin"
    assert symbols.found[called].places[-1].path == str(path.parent / "toy.c")


@pytest.mark.parametrize("row", ARCHES)
def test_inlined_functions_come_innermost_first(
    row: str, compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object(row)
    _, size = functions(path, toolchain)["first"]
    frames = [frame("first", offset, size, returns=False) for offset in range(size)]
    symbols = look_up(frames, files(symbolizer, path), BUILD)
    inlined = [("store", "toy.c", LINES["store"]), ("first", "toy.c", LINES["first"])]
    assert inlined in [told(symbols, wanted) for wanted in frames]


@pytest.mark.parametrize("row", ALIGNED)
def test_call_that_never_returns_is_in_the_function_that_calls(
    row: str, compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object(row, "toy.ko", f"-falign-functions={ALIGNED[row]}")
    known = functions(path, toolchain)
    assert known["behind"][0] == known["last"][0] + known["last"][1]
    # as x86 prints it, and as the others do
    own = frame("last", known["last"][1], known["last"][1])
    next_one = frame("behind", 0, known["behind"][1])
    symbols = look_up([own, next_one], files(symbolizer, path), BUILD)
    for wanted in (own, next_one):
        assert told(symbols, wanted) == [("last", "toy.c", LINES["last"])]
        assert (symbols.found[wanted].symbol, symbols.found[wanted].offset) == ("last", known["last"][1])


def test_address_without_a_symbol_is_found_where_the_module_was(
    compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object()
    value, _ = functions(path, toolchain)["behind"]
    gone = Frame(symbol="", offset=0xFFFFFFFFC0200000 + value, size=0, module="", returns=False)
    wanted = files(symbolizer, path).with_module("toy", path, 0xFFFFFFFFC0200000)
    assert look_up([gone], wanted, BUILD).found[gone].symbol == "behind"
    elsewhere = replace(gone, offset=gone.offset + (1 << 20))
    assert look_up([elsewhere], wanted, BUILD).found == {}


def test_file_of_another_build_is_not_believed(
    compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object()
    _, size = functions(path, toolchain)["first"]
    fits, misfits = frame("first", 1, size), frame("begin", 1, 4000)
    symbols = look_up([fits, misfits], files(symbolizer, path), BUILD)
    # the section's last function may have what lies behind it, the first one may not
    assert symbols.notes == ()
    absent = frame("nobody", 1, 2)
    symbols = look_up([fits, absent], files(symbolizer, path), BUILD)
    assert symbols.found == {}
    assert symbols.notes == (f"module toy: it is of another build, nobody+0x1/0x2 is not there ({path})",)
    larger = frame("first", 1, 4000)
    symbols = look_up([fits, larger], files(symbolizer, path), BUILD)
    assert symbols.found == {}
    assert "first+0x1/0xfa0 has" in symbols.notes[0]


def test_what_cannot_be_told_stays_with_a_note(
    compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...], tmp_path: Path
) -> None:
    bare = compile_object("x86_64", "bare.ko", "-g0")
    _, size = functions(bare, toolchain)["first"]
    first = frame("first", 1, size)
    assert look_up([first], files(symbolizer, bare), BUILD) == Symbols(
        notes=(f"module toy: it has no debug information ({bare})",)
    )
    missing = files(symbolizer, tmp_path / "nothing.ko")
    assert look_up([first], missing, BUILD) == Symbols(notes=("module toy: no file with debug information",))
    (tmp_path / "text.ko").write_text(
        "no object at all, and longer than an ELF header is, by far, is it not?"
    )
    text = files(symbolizer, tmp_path / "text.ko")
    assert look_up([first], text, BUILD).notes == (f"module toy: not an ELF file ({tmp_path}/text.ko)",)


def test_address_is_looked_up_once_until_its_file_changes(
    compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...], tmp_path: Path
) -> None:
    ran, counted = tmp_path / "ran", tmp_path / "counted"
    counted.write_text(f'#!/bin/sh\necho >>{ran}\nexec {shlex.join(symbolizer)} "$@"\n')
    counted.chmod(0o755)
    path = compile_object()
    _, size = functions(path, toolchain)["first"]
    asked, known = [frame("first", 1, size)], files((str(counted),), path)
    assert look_up(asked, known, BUILD) == look_up(asked, known, BUILD)
    assert ran.read_text() == "\n"
    compile_object("x86_64", path.name, "-g0")
    assert "no debug information" in look_up(asked, known, BUILD).notes[0]


def test_source_that_changed_since_is_not_shown(
    compile_object: Compile, toolchain: Toolchain, symbolizer: tuple[str, ...]
) -> None:
    path = compile_object()
    _, size = functions(path, toolchain)["first"]
    first = frame("first", 1, size)
    source = path.parent / "toy.c"
    later = path.stat().st_mtime + 10
    os.utime(source, (later, later))
    assert [place.path for place in look_up([first], files(symbolizer, path), BUILD).found[first].places][
        -1
    ] == ""


def test_directory_of_modules_is_searched(compile_object: Compile, symbolizer: tuple[str, ...]) -> None:
    path = compile_object("x86_64", "my-toy.ko")
    assert find_files(None, path.parent, symbolizer).files == {"my_toy": DebugFile(path=path)}


def said(mark: str) -> Place:
    return Place(function="", file="toy.c", line=LINES[mark])


@pytest.mark.parametrize("arch", ARCHES)
def test_function_is_found_by_a_line_of_it(
    arch: str, compile_object: Compile, symbolizer: tuple[str, ...]
) -> None:
    known = files(symbolizer, compile_object(arch))
    file = known.files["toy"]
    marks = {mark: {place.function for place in find_functions(file, known, said(mark))} for mark in LINES}
    assert marks == {"store": {"store"}, "first": {"first"}, "last": {"last"}, "begin": {"begin"}}
    assert find_functions(file, known, replace(said("last"), file="other.c")) == frozenset()
    assert find_functions(file, known, replace(said("last"), line=1)) == frozenset()


def test_function_is_not_looked_for_in_another_build(
    compile_object: Compile, symbolizer: tuple[str, ...]
) -> None:
    known = files(symbolizer, compile_object())
    another = replace(known.files["toy"], build_id="00" * 20)
    assert find_functions(another, known, said("last")) == frozenset()


def test_rust_panic_whose_stack_does_not_show_it_is_named_by_its_line(
    compile_object: Compile, symbolizer: tuple[str, ...]
) -> None:
    """As where functions that never return keep no return address: on loongarch."""
    text = f"""\
rust_kernel: panicked at toy.c:{LINES["last"]}:5:
toys are over
kernel BUG at rust/helpers/bug.c:7!
Oops - BUG[#1]:
  ERA: 90000000004e67e0 rust_helper_BUG+0x0/0x20
Modules linked in: {{}}(O+)
Call Trace:
[<90000000004e67e0>] rust_helper_BUG+0x0/0x20
---[ end trace 0000000000000000 ]---
"""
    known = files(symbolizer, compile_object("loongarch64"))
    told = {}
    for module in ("toy", "other"):
        records = parse_console(text.format(module))
        lines = read_lines(records, find_splats(records), known, BUILD)
        (splat,) = lines.refined.values()
        told[module] = (splat.title, splat.function, splat.line)
    # of a module that was not loaded, nothing is believed
    assert told == {
        "toy": ("toys are over in last", "last", LINES["last"]),
        "other": ("toys are over", "", LINES["last"]),
    }
