"""The table and the modules' sources know each other."""

from __future__ import annotations

import re

import pytest

from tests.oracle.table import ASSERTED, BAD, MODULES, marked_lines

SOURCES = sorted(path.stem for path in MODULES.glob("*.rs"))


def test_each_source_has_a_row_and_each_row_a_source() -> None:
    assert sorted([*(row.module for row in BAD), *ASSERTED]) == SOURCES


@pytest.mark.parametrize("module", SOURCES)
def test_source_has_a_line_to_blame_and_twins(module: str) -> None:
    text = (MODULES / f"{module}.rs").read_text()
    assert text.startswith("// SPDX-License-Identifier: GPL-2.0\n")
    assert f'name: "{module}"' in text
    assert marked_lines(module)
    assert has_twins(text)


def has_twins(source: str) -> bool:
    """Whether code is compiled for one twin only; what a comment says of it is nothing."""
    code = re.sub(r"//.*", "", source)
    return re.search(r"#\[cfg\((?:not\()?bad\)|cfg!\(bad\)", code) is not None


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("#[cfg(bad)]\nfail();", True),
        ("#[cfg(not(bad))]\nfine();", True),
        ("let end = if cfg!(bad) { 8 } else { 7 };", True),
        ("// this is bad\nfail();", False),
        ("// #[cfg(bad)]\nfail();", False),
        ("fail(); // cfg!(bad)", False),
        ("let bad = 1;", False),
    ],
)
def test_a_twin_is_code_and_no_comment(source: str, wanted: bool) -> None:
    assert has_twins(source) == wanted
