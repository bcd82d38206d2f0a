"""Regular expressions that not every supported Python matches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent.parent / "harness"

# before 3.11.5, what follows such a group may not match (gh-106052); of a single character it does
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[?*+]|\{\d*,?\d*\})\+")


def possessive_groups(source: str) -> Iterator[int]:
    """Yield the line of each text of a module with a group that is never given back."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if POSSESSIVE_GROUP.search(text):
                yield node.lineno


def test_no_pattern_has_a_possessive_group() -> None:
    found = [
        f"{path}:{line}"
        for path in sorted(HARNESS.rglob("*.py"))
        for line in possessive_groups(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize("pattern", ["(?:a|b)?+", "(a b)*+", "(?:a)++", "(?:a){1,3}+", r"a\((?:b)?+"])
def test_a_possessive_group_is_seen(pattern: str) -> None:
    assert list(possessive_groups(f"import re\nA = re.compile(r{pattern!r})\n")) == [2]
    doubled = pattern.replace("{", "{{").replace("}", "}}")
    assert list(possessive_groups(f"X = 1\nA = rf'{{X}}{doubled}'\n")) == [2]
    assert list(possessive_groups(f"\nA = rb'{pattern}'\n")) == [2]


@pytest.mark.parametrize("pattern", ["[ab]*+", r"\d{1,3}+", ".*+", "(?:a|b)?", r"\(\)?+", "(?:a|)"])
def test_what_every_python_matches_is_allowed(pattern: str) -> None:
    assert list(possessive_groups(f"A = r{pattern!r}\n")) == []
