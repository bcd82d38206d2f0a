"""Symbols in Rust's legacy mangling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.demangle import demangle, demangle_all

HASH = "17h0123456789abcdefE"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (f"_ZN4core9panicking9panic_fmt{HASH}", "core::panicking::panic_fmt"),
        (f"_ZN3toy4open28_$u7b$$u7b$closure$u7d$$u7d${HASH}", "toy::open::{{closure}}"),
        (
            f"_ZN43_$LT$toy..Toy$u20$as$u20$kernel..Module$GT$4init{HASH}",
            "<toy::Toy as kernel::Module>::init",
        ),
        # a C++ name, and parts that are not as long as they say
        ("_ZN3toy4openEv", "_ZN3toy4openEv"),
        (f"_ZN9toy4open{HASH}", f"_ZN9toy4open{HASH}"),
    ],
)
def test_legacy_name_is_its_path(symbol: str, name: str) -> None:
    assert demangle(symbol) == name


@given(st.text("_ZN0123456789$LTGu.Eh17ab", max_size=60))
def test_no_name_makes_it_raise(text: str) -> None:
    assert demangle("_ZN" + text)


def test_name_of_nothing_but_digits_takes_no_time() -> None:
    # with each digit this took twice as long
    symbol = "_ZN" + "1" * 2000
    assert demangle(symbol) == symbol


def test_names_in_a_text() -> None:
    text = f" _ZN3toy4open{HASH}+0x1/0x2 [toy]"
    assert demangle_all(text) == " toy::open+0x1/0x2 [toy]"
