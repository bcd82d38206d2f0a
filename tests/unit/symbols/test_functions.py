"""Symbols of handmade ELF files: names to addresses, sections laid out, files that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.kernel.elf_files import Symbol, make_build_id, make_elf, make_symbols

from rustbed.kernel.elf import find_build_id, parse_elf
from rustbed.symbols.functions import Function, Functions, lay_out, of_size

FORMS = [(64, False), (64, True), (32, False), (32, True)]

# section 1 is .text, 2 is .init.text, 3 is .rodata, 4 is .exit.text
SYMBOLS = (
    Symbol(name="first", section=1, value=0, size=6),
    Symbol(name=".Lpcrel_hi0", section=1, value=2, size=0, kind=0),
    Symbol(name="$x", section=1, value=4, size=0, kind=0),
    Symbol(name="second", section=1, value=8, size=8),
    Symbol(name="alias", section=1, value=8, size=8),
    Symbol(name="begin", section=2, value=0, size=4),
    Symbol(name="same", section=1, value=16, size=4),
    Symbol(name="same", section=2, value=4, size=12),
    Symbol(name="constant", section=3, value=0, size=4, kind=1),
    Symbol(name="leave", section=4, value=0, size=4),
    Symbol(name="elsewhere", section=0, value=0, size=0),
)


def make_object(word_bits: int = 64, *, big_endian: bool = False, build_id: str = "") -> bytes:
    tables = make_symbols(SYMBOLS, word_bits=word_bits, big_endian=big_endian)
    sections = {
        ".text": bytes(20),
        ".init.text": bytes(16),
        ".rodata": bytes(4),
        ".exit.text": bytes(4),
        **tables,
        ".debug_aranges": b"addresses from 0",
        ".note.gnu.build-id": make_build_id(build_id, big_endian=big_endian),
    }
    return make_elf(
        sections,
        word_bits=word_bits,
        big_endian=big_endian,
        code=(".text", ".init.text", ".exit.text"),
        constants=(".rodata",),
    )


@pytest.mark.parametrize(("word_bits", "big_endian"), FORMS)
def test_function_has_room_up_to_the_next_symbol(word_bits: int, *, big_endian: bool) -> None:
    functions = Functions(make_object(word_bits, big_endian=big_endian))
    assert functions.named("first") == (Function(address=0, size=6, room=8),)
    assert functions.named("second") == (Function(address=8, size=8, room=8),)
    assert functions.named("begin") == (Function(address=0, size=4, room=4),)
    assert functions.named("same") == (
        Function(address=16, size=4, room=None),
        Function(address=4, size=12, room=None),
    )
    for name in ("elsewhere", "nobody", "irst", ""):
        assert functions.named(name) == ()


def test_printed_size_tells_functions_of_one_name_apart() -> None:
    function = Function(address=0, size=6, room=8)
    assert [function.fits(size) for size in (5, 6, 8, 9)] == [False, True, True, False]
    # behind a section's last function, anything may come
    assert Function(address=0, size=6, room=None).fits(0x1000)


def test_function_of_exactly_the_printed_size_is_meant() -> None:
    whole = Function(address=0x58, size=32, room=32)
    short, last = Function(address=0x98, size=4, room=4), Function(address=0x9C, size=4, room=None)
    assert of_size([whole, short, last], 32) == (whole,)
    assert of_size([whole, short, last], 4) == (short,)
    # it may be the last one only
    assert of_size([whole, short, last], 0x64) == (last,)
    assert of_size([whole, short], 0x64) == ()
    # padding that is counted here and not there: both may be it
    padded = Function(address=0x20, size=30, room=40)
    assert of_size([padded, last], 32) == (padded, last)


@pytest.mark.parametrize(("word_bits", "big_endian"), FORMS)
def test_sections_of_a_module_get_addresses_of_their_own(word_bits: int, *, big_endian: bool) -> None:
    laid_out = lay_out(make_object(word_bits, big_endian=big_endian))
    sections = {section.name: section for section in parse_elf(laid_out).sections}
    text, init, leave = (sections[name] for name in (".text", ".init.text", ".exit.text"))
    # code first, and that of the end right behind that of the middle: as in the guest
    assert [text.address, leave.address, init.address, sections[".rodata"].address] == [
        0x10000,
        0x10000 + text.size,
        0x10000 + text.size + leave.size,
        0x10000 + text.size + leave.size + init.size,
    ]
    assert sections[".symtab"].address == 0
    assert sections[".debug_aranges"].size == 0
    functions = Functions(laid_out)
    assert [found.address for found in functions.named("same")] == [text.address + 16, init.address + 4]
    assert functions.around(text.address + 5) == ("first", text.address)
    assert functions.around(text.address + 9) == ("second", text.address + 8)
    assert functions.around(init.address) == ("begin", init.address)
    assert functions.around(leave.address - 1) == ("same", text.address + 16)
    assert functions.around(0) == ("", 0)


@pytest.mark.parametrize(("word_bits", "big_endian"), FORMS)
def test_build_id_is_read(word_bits: int, *, big_endian: bool) -> None:
    data = make_object(word_bits, big_endian=big_endian, build_id="ab12" * 10)
    assert find_build_id(data, parse_elf(data)) == "ab12" * 10
    bare = make_elf({".text": b"x"})
    assert find_build_id(bare, parse_elf(bare)) == ""


@given(st.integers(0, len(make_object())), st.binary(max_size=40))
def test_damaged_files_are_refused_or_read_but_never_raise_otherwise(at: int, junk: bytes) -> None:
    whole = make_object(build_id="ab" * 20)
    for data in (whole[:at], whole[:at] + junk + whole[at + len(junk) :], junk):
        try:
            functions = Functions(data)
            functions.named("first")
            functions.around(0x10004)
            find_build_id(data, functions.elf)
            lay_out(data)
        except ValueError:
            continue
