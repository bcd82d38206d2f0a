"""Not tests of ours: run by test_agreement.py. Parameters: what setup, function, teardown do, and marks.

What they do are words joined by +: warn (the kernel does), fail, skip, xfail, and build and misuse, which are
errors of ours; sub:WORD does so in a subtest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.edge.judging.stand_in import vm, warn

from rustbed import Vm
from rustbed.errors import BuildError, UsageError

__all__ = ["vm"]

MARKS = {
    "plain": (),
    "xfail": (pytest.mark.xfail(reason="known"),),
    "strict": (pytest.mark.xfail(reason="known", strict=True),),
    "raises": (pytest.mark.xfail(reason="known", strict=True, raises=AssertionError),),
    "names-it": (pytest.mark.xfail(reason="known", raises=BuildError),),
    "declared": (pytest.mark.expect_splat("toy_"),),
    "declared-strict": (
        pytest.mark.expect_splat("toy_"),
        pytest.mark.xfail(reason="known", strict=True, raises=AssertionError),
    ),
}
FUNCTIONS = (
    *("ok", "fail", "skip", "xfail", "warn", "warn+fail", "warn+skip", "warn+xfail"),
    *("sub:fail", "sub:skip", "sub:ok", "warn+sub:fail", "sub:warn", "sub:warn+skip"),
)
# errors of ours, and whether the mark excuses them
OURS = {
    ("ok", "build", "ok", "xfail"): False,
    ("ok", "build", "ok", "strict"): False,
    ("build", "ok", "ok", "xfail"): False,
    ("ok", "misuse", "ok", "xfail"): False,
    ("misuse", "ok", "ok", "strict"): False,
    ("ok", "build", "ok", "names-it"): True,
    ("build", "ok", "ok", "names-it"): True,
}
ENDINGS = [
    *OURS,
    *(("ok", function, "ok", marks) for function in FUNCTIONS for marks in MARKS),
    *((setup, "ok", "ok", "plain") for setup in ("fail", "skip", "warn", "warn+skip", "warn+fail")),
    *((setup, "ok", "ok", "xfail") for setup in ("fail", "warn+skip", "warn+fail")),
    *(
        ("ok", function, teardown, marks)
        for function in ("ok", "fail", "skip", "sub:fail")
        for teardown in ("warn", "fail", "warn+fail", "skip")
        for marks in ("plain", "strict")
    ),
    ("ok", "ok", "warn", "declared"),
    ("ok", "fail", "warn", "declared-strict"),
]


def do(words: str, vm: Vm, name: str, subtests: pytest.Subtests | None = None) -> None:
    for word in words.split("+"):
        inner = word.removeprefix("sub:")
        if subtests is not None and inner != word:
            with subtests.test(msg=inner):
                do(inner, vm, name)
        elif word == "warn":
            warn(vm, name)
        elif word == "fail":
            assert name == "right", "the wrong one"
        elif word == "build":
            raise BuildError("toy does not build")
        elif word == "misuse":
            raise UsageError("toy has no parameter nope")
        elif word == "skip":
            pytest.skip("not here")
        elif word == "xfail":
            pytest.xfail("known")


@pytest.fixture
def driver(vm: Vm, ending: tuple[str, ...]) -> Iterator[Vm]:
    do(ending[0], vm, "setup")
    yield vm
    do(ending[2], vm, "teardown")


@pytest.mark.parametrize(
    "ending", [pytest.param(each, id=" ".join(each), marks=MARKS[each[3]]) for each in ENDINGS]
)
def test_ends(driver: Vm, ending: tuple[str, ...], subtests: pytest.Subtests) -> None:
    do(ending[1], driver, "function", subtests)
