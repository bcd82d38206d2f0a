"""How large modules are, and which have grown."""

from __future__ import annotations

from rustbed.report.result import Result
from rustbed.report.sizes import find_growth, read_sizes, render_sizes
from rustbed.report.verdict import Outcome


def result(arch: str = "arm64", **properties: str) -> Result:
    return Result(classname="t", name="test_a", arch=arch, outcome=Outcome.PASS, properties=properties)


def test_sizes_travel_as_text() -> None:
    text = render_sizes([("toy", 1200, 64, 8), ("other", 10, 0, 0)])
    assert text == "toy text 1200 data 64 bss 8\nother text 10 data 0 bss 0"
    assert read_sizes([result(modules=text)]) == {
        ("toy", "arm64"): (1200, 64, 8),
        ("other", "arm64"): (10, 0, 0),
    }
    assert read_sizes([result(modules_2=text, notmodules=text)]).keys() == {
        ("toy", "arm64"),
        ("other", "arm64"),
    }


def test_growth_beyond_the_limit_is_told_and_growth_within_it_is_not() -> None:
    old = [result(modules="toy text 1000 data 0 bss 0")]
    (grown,) = find_growth(old, [result(modules="toy text 1051 data 0 bss 0")], 5)
    assert (grown.module, grown.arch, grown.title) == (
        "toy",
        "arm64",
        "5.1 % more: text 1051 instead of 1000",
    )
    assert list(find_growth(old, [result(modules="toy text 1050 data 0 bss 0")], 5)) == []
    assert list(find_growth(old, [result(modules="toy text 500 data 0 bss 0")], 5)) == []


def test_architectures_and_new_modules_are_not_compared_with_others() -> None:
    old = [result(modules="toy text 1000 data 0 bss 0")]
    assert list(find_growth(old, [result("x86_64", modules="toy text 9000 data 0 bss 0")], 5)) == []
    assert list(find_growth(old, [result(modules="new text 9000 data 0 bss 0")], 5)) == []
