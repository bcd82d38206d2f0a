from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.demangle import demangle


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_RNvCs6T0sO5GTPWi_3toy5probe", "toy::probe"),
        ("__cfi__RNvCs6T0sO5GTPWi_3toy5probe", "toy::probe"),
        ("_RNvMNtCs6T0sO5GTPWi_3toy6deviceNtB2_6Device5start", "<toy::device::Device>::start"),
        (
            "_RNvXs_Cs6T0sO5GTPWi_3toyNtB4_3ToyNtNtCse297zByDW5v_6kernel3pci6Driver5probe",
            "<toy::Toy as kernel::pci::Driver>::probe",
        ),
        ("_RNCNvCs6T0sO5GTPWi_3toy5probe0B3_", "toy::probe::{closure#0}"),
        ("_RNCNvCs6T0sO5GTPWi_3toy5probes0_0B3_", "toy::probe::{closure#2}"),
        ("_RINvCs6T0sO5GTPWi_3toy4copyRShOAtj10_uEB2_", "toy::copy::<&[u8], *mut [u16; 16], ()>"),
        (
            "_RINvCs6T0sO5GTPWi_3toy4callFUKCTlmEEbEB2_",
            'toy::call::<unsafe extern "C" fn((i32, u32)) -> bool>',
        ),
        ("_RINvCs6T0sO5GTPWi_3toy4dropDNtB2_5TraitEL_EB2_", "toy::drop::<dyn toy::Trait>"),
        ("_RNvCs6T0sO5GTPWi_3toyu10mnchen_3ya", "toy::münchen"),
    ],
)
def test_name_is_what_a_person_wrote(symbol: str, name: str) -> None:
    assert demangle(symbol) == name


@pytest.mark.parametrize(
    "symbol", ["", "vfs_read", "_R", "_RNv", "_RNvC3to", "rust_helper_BUG", "_RNvB_3abc"]
)
def test_other_text_stays_as_it_is(symbol: str) -> None:
    assert demangle(symbol) == symbol


def test_back_references_that_would_explode_are_left_alone() -> None:
    # a tuple of two references to the tuple before it, twelve times over
    symbol, start = "_RINvC3toy1a", len("INvC3toy1a")
    symbol, previous = symbol + "ThhE", start
    for _ in range(40):
        here = len(symbol) - 2
        digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        value = previous - 1
        reference = (digits[value // 62] if value >= 62 else "") + digits[value % 62]
        symbol += f"TB{reference}_B{reference}_E"
        previous = here
    assert demangle(symbol + "E") == symbol + "E"


@given(st.text(alphabet="_RNvXMICsBTEK0123456789abhjlmnuRSDFL", max_size=80))
def test_any_symbol_gives_some_text(symbol: str) -> None:
    assert isinstance(demangle("_R" + symbol), str)
