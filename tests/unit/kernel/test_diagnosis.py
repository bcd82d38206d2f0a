"""What is read out of the output of a build that failed: as clang 19, rustc 1.97 and make 4.4 print it."""

from __future__ import annotations

import pytest

from rustbed.kernel.diagnosis import find_failure, find_gates, find_undefined, keep_tools, place_paths

ESC = "\x1b"
RUSTC = f"""\
make: Entering directory '/src'
make[1]: Entering directory '/module'
  RUSTC [M] outside.o
{ESC}[1m{ESC}[91merror[E0425]{ESC}[0m{ESC}[1m: cannot find value `unknwon` in this scope{ESC}[0m
  {ESC}[1m{ESC}[94m--> {ESC}[0moutside.rs:19:39
   {ESC}[1m{ESC}[94m|{ESC}[0m
   {ESC}[1m{ESC}[94m= {ESC}[0m{ESC}[1mhelp{ESC}[0m: a local variable with a similar name exists

{ESC}[1m{ESC}[91merror[E0308]{ESC}[0m{ESC}[1m: mismatched types{ESC}[0m
  {ESC}[1m{ESC}[94m--> {ESC}[0moutside.rs:7:22

make[3]: *** [/src/scripts/Makefile.build:366: outside.o] Error 1
make[2]: *** [/src/Makefile:2253: .] Error 2
make[1]: Leaving directory '/module'
make: *** [Makefile:260: __sub-make] Error 2
"""
CLANG = """\
  CC [M]  cdrv.o
cdrv.c:5:9: error: call to undeclared function 'nosuch'
    5 |         return nosuch(x);
2 errors generated.
make[3]: *** [/src/scripts/Makefile.build:295: cdrv.o] Error 1
"""
MODPOST = (
    "  MODPOST Module.symvers\n"
    "ERROR: modpost: outside.ko: symbol 'nosuch_symbol' undefined!\nmake[3]: *** [x] Error 1\n"
)
MISSING = (
    "make[3]: *** No rule to make target 'nosuch.o', needed by 'outside.o'.  Stop.\n"
    "make[3]: *** Waiting for unfinished jobs....\nmake[2]: *** [/src/Makefile:2253: .] Error 2\n"
)
KBUILD = "Kbuild:2: *** invalid syntax in conditional.  Stop.\nmake[2]: *** [/src/Makefile:2253: .] Error 2\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RUSTC, "cannot find value `unknwon` in this scope, outside.rs:19"),
        (CLANG, "call to undeclared function 'nosuch', cdrv.c:5"),
        (MODPOST, "outside.ko: symbol 'nosuch_symbol' undefined!"),
        (MISSING, "No rule to make target 'nosuch.o', needed by 'outside.o'"),
        (KBUILD, "invalid syntax in conditional, Kbuild:2"),
        ("sh: 1: bindgen: not found\nmake: *** [x] Error 127\n", "bindgen: not found"),
        ("something of its own\nmake: *** [x] Error 2\n", "something of its own"),
        ("", "make printed nothing"),
    ],
)
def test_each_kind_of_failure_has_a_reason_of_its_own(text: str, said: str) -> None:
    assert str(find_failure(text)) == said


def test_the_first_error_counts_whoever_printed_it() -> None:
    assert find_failure(CLANG + RUSTC).where == "cdrv.c:5"
    assert find_failure(RUSTC + CLANG).where == "outside.rs:19"


def test_tools_are_shown_whole_and_make_is_not() -> None:
    kept = keep_tools(RUSTC)
    assert "similar name exists" in kept
    assert "mismatched types" in kept
    assert "make" not in kept
    assert "RUSTC" not in kept
    assert f"{ESC}[91merror" in kept


def test_a_build_without_warnings_prints_nothing() -> None:
    assert keep_tools("make: Entering directory '/src'\n  CC [M]  cdrv.o\n  LD [M]  cdrv.ko\n") == ""
    assert keep_tools("  CC [M]  cdrv.o\n1 warning generated.\n") == ""


@pytest.mark.parametrize("feature", ["unstable feature", "unknown and unstable feature"])
def test_remarks_on_flags_of_the_kernel_are_not_the_drivers(feature: str) -> None:
    """rustc 1.97.1 for powerpc64le, in colours."""
    remark = (
        f"\x1b[1m\x1b[33mwarning\x1b[0m\x1b[1m: {feature} specified for `-Ctarget-feature`: `vsx`\x1b[0m\n"
        "  \x1b[1m\x1b[94m|\x1b[0m\n"
        "  \x1b[1m\x1b[94m= \x1b[0m\x1b[1mnote\x1b[0m: its behavior can change in the future\n"
        "\n"
    )
    own = "warning: unused variable: `level`\n --> outside.rs:19:9"
    assert keep_tools(f"{remark}{remark}{own}\n") == own
    assert (
        keep_tools(f"{own}\n\n{remark}  RUSTC [M]  outside.o\n{remark}warning: 2 warnings emitted\n\n") == own
    )


def test_paths_lead_to_the_authors_files() -> None:
    placed = place_paths(RUSTC + CLANG, lambda path: f"drivers/{path}" if path != "cdrv.c" else None)
    assert f"--> {ESC}[0mdrivers/outside.rs:19:39" in placed
    assert "\ncdrv.c:5:9: error" in placed


def test_options_and_symbols_that_are_missing_are_found() -> None:
    said = "note: the item is gated here\n  --> /src/rust/kernel/lib.rs:99:1\n   | #[cfg(CONFIG_I2C)]\n"
    assert find_gates(said) == ("I2C",)
    assert find_undefined(MODPOST) == ("nosuch_symbol",)
    assert find_undefined('ERROR: modpost: "counter_next" [reader.ko] undefined!') == ("counter_next",)
