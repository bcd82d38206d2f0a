"""Alternatives of a regular expression, which cross-validation takes out one by one."""

from __future__ import annotations

from tests.bench.folds import split_alternatives


def test_alternatives_are_split_outside_of_brackets_only() -> None:
    assert list(split_alternatives(r"a(?:b|c) | [|)]d\| | e")) == ["a(?:b|c)", r"[|)]d\|", "e"]
