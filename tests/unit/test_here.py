"""Paths from the working directory: its own are shortened, and no others are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.here import from_here

HERE = Path("/src")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/src/a.rs:1: error", "a.rs:1: error"),
        ("  --> /src/a.rs:1:2", "  --> a.rs:1:2"),
        ("\x1b[0m\x1b[1m/src/a.rs:1\x1b[0m", "\x1b[0m\x1b[1ma.rs:1\x1b[0m"),
        ("\x1b[01m\x1b[K/src/a.c:3", "\x1b[01m\x1b[Ka.c:3"),
        ("in '/src/b/a.c' and `/src/c.h`", "in 'b/a.c' and `c.h`"),
        ("-fdebug=/src/b:/src/c", "-fdebug=b:c"),
        ("/home/src/a.rs", "/home/src/a.rs"),
        ("../src/a.rs, ./src/a.rs", "../src/a.rs, ./src/a.rs"),
        ("mm/src/a.rs", "mm/src/a.rs"),
        ("/src2/a.rs, /src", "/src2/a.rs, /src"),
        ("file:///src/a.rs", "file:///src/a.rs"),
        ("entering /src/ now", "entering /src/ now"),
        ("/src/../a.rs", "../a.rs"),
    ],
)
def test_only_a_path_that_begins_here_is_shortened(text: str, expected: str) -> None:
    assert from_here(text, HERE) == expected


def test_comments_survive_the_root_as_working_directory() -> None:
    assert from_here("1 | // a comment, /a.rs", Path("/")) == "1 | // a comment, /a.rs"


def test_names_with_signs_of_patterns_are_taken_as_they_are() -> None:
    assert from_here("/a (b)+/c.rs, /a xbx+/c.rs", Path("/a (b)+")) == "c.rs, /a xbx+/c.rs"


NAMES = st.text("abm.ü_-", min_size=1, max_size=5).filter(lambda name: set(name) != {"."})
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
BEFORE = st.sampled_from(["", " ", "--> ", '"', "(", "\x1b[1m", "\x1b[38;5;9m", "=", "m: "])


@given(st.lists(st.tuples(BEFORE, st.booleans(), PATHS), max_size=6), PATHS)
def test_every_path_below_is_shortened_and_every_other_one_is_whole(
    found: list[tuple[str, bool, str]], directory: str
) -> None:
    here = f"/{directory}"
    outside = [(before, is_below, path) for before, is_below, path in found if is_below or path]
    text = "\n".join(f"{before}{here if is_below else '/else'}/{path}" for before, is_below, path in outside)
    expected = "\n".join(
        f"{before}{'' if is_below else '/else/'}{path}" for before, is_below, path in outside
    )
    assert from_here(text, Path(here)) == expected


@given(st.text("/srca. \x1b[1m\n'", max_size=30))
def test_nothing_but_the_directory_goes(text: str) -> None:
    shortened = from_here(text, HERE)
    assert (len(text) - len(shortened)) % len("/src/") == 0
    assert from_here(text.replace("/src", "/else"), HERE) == text.replace("/src", "/else")
