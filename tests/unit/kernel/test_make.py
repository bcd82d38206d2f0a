"""What make prints: steps that are done, and the first error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rustbed.arch import require_arch
from rustbed.kernel.make import find_first_error, parse_step, ran_out_of_space, render_make

RUST = """\
  RUSTC [M] samples/rust/rust_minimal.o
error[E0425]: cannot find value `numbrs` in this scope
  --> /src/samples/rust/rust_minimal.rs:38:23
   |
38 |         let numbers = numbrs;
   |                       ^^^^^^ help: a local variable with a similar name exists: `numbers`

error: aborting due to 1 previous error

make[4]: *** [/src/scripts/Makefile.build:335: samples/rust/rust_minimal.o] Error 1
"""
C = """\
  CC      lib/sort.o
/src/lib/sort.c:12:10: fatal error: 'linux/gone.h' file not found
   12 | #include <linux/gone.h>
      |          ^~~~~~~~~~~~~~
  CC      lib/rbtree.o
1 error generated.
make[3]: *** [/src/scripts/Makefile.build:289: lib/sort.o] Error 1
"""
MODPOST = """\
  MODPOST Module.symvers
ERROR: modpost: "rust_helper_x" [samples/rust/rust_minimal.ko] undefined!
make[2]: *** [/src/scripts/Makefile.modpost:147: Module.symvers] Error 1
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  CC      lib/sort.o", "lib/sort.o"),
        ("  CC [M]  fs/fat/cache.o", "fs/fat/cache.o"),
        ("  RUSTC L rust/core.o", "rust/core.o"),
        ("  EXPORTS rust/exports_core_generated.h", "rust/exports_core_generated.h"),
        ("  RUSTC [M] samples/rust/rust_minimal.o", "samples/rust/rust_minimal.o"),
        ("  HOSTCC  scripts/basic/fixdep", "scripts/basic/fixdep"),
        ("  LD [M]  samples/rust/rust_minimal.ko", "samples/rust/rust_minimal.ko"),
        ("Kernel: arch/x86/boot/bzImage is ready  (#1)", None),
        ("make[1]: Entering directory '/build'", None),
        ("   12 | #include <linux/gone.h>", None),
        ("", None),
    ],
)
def test_steps_are_told_from_other_lines(line: str, expected: str | None) -> None:
    assert parse_step(line) == expected


def test_the_first_rust_error_comes_with_its_place() -> None:
    assert find_first_error(RUST).splitlines()[0] == "error[E0425]: cannot find value `numbrs` in this scope"
    assert len(find_first_error(RUST).splitlines()) == 5


def test_another_files_step_ends_an_error() -> None:
    assert find_first_error(C).splitlines() == C.splitlines()[1:4]


def test_modpost_is_heard() -> None:
    assert find_first_error(MODPOST) == MODPOST.splitlines()[1]


def test_what_make_says_last_serves_when_nothing_looks_like_an_error() -> None:
    text = "  CC      a.o\nmake[1]: *** [Makefile:1: a.o] Segmentation fault\n"
    assert find_first_error(text) == "make[1]: *** [Makefile:1: a.o] Segmentation fault"
    assert find_first_error("one\ntwo\n") == "one\ntwo"


def test_words_in_file_names_are_no_errors() -> None:
    text = "  CC      lib/error-inject.o\n  CC      fs/error.o\nERROR: modpost: x\n"
    assert find_first_error(text) == "ERROR: modpost: x"


def test_a_full_disk_is_not_the_sources_fault() -> None:
    assert ran_out_of_space("ld.lld: error: cannot open output file x: No space left on device\n")
    assert not ran_out_of_space(C)


def test_make_is_told_where_and_for_whom() -> None:
    argv = render_make(["Image"], arch=require_arch("riscv64"), source="/src", build="/build", jobs=3)
    assert argv[:5] == ["make", "-C", "/src", "O=/build", "-j3"]
    assert {"LLVM=1", "ARCH=riscv", "LOCALVERSION=", "Image"} <= set(argv)


def test_make_is_given_what_an_architecture_always_needs() -> None:
    row = replace(require_arch("riscv64"), make_settings=("KCPPFLAGS=-DA -DB='c d'",))
    argv = render_make(["Image"], arch=row, source="/src", build="/build", jobs=3)
    assert "KCPPFLAGS=-DA -DB='c d'" in argv
