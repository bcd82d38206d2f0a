"""How a module and its parameters are written on insmod's command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import make_module

from rustbed.errors import UsageError
from rustbed.guest.modules import render_insmod, require_parameters


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-7, "p=-7"),
        (True, "p=Y"),
        ([1, 2], "p=1,2"),
        ((True, False), "p=Y,N"),
        ([], "p="),
        ("a b", "'p=\"a b\"'"),
        ("a\tb", "'p=\"a\tb\"'"),
        # its second byte is a blank to the kernel, those of the next one are not
        ("à", "'p=\"à\"'"),
        ("é", "'p=é'"),
        ("it's", "'p=it'\"'\"'s'"),
    ],
)
def test_value_is_written_as_the_kernel_reads_it(value: object, text: str) -> None:
    assert render_insmod("/m.ko", {"p": value}) == f"exec insmod /m.ko {text}"


@pytest.mark.parametrize("value", ["a\nb", 'a "quote"', ["a,b"]])
def test_value_that_the_kernel_would_read_otherwise_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="cannot hold a"):
        render_insmod("/m.ko", {"p": value})


def test_misspelt_parameter_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "edu.ko"
    path.write_bytes(make_module("edu", parameters=("count:int", "debug:bool")))
    require_parameters("edu", path, ["count", "dyndbg", "async_probe"])
    with pytest.raises(UsageError, match="edu has no parameter cuont") as caught:
        require_parameters("edu", path, ["cuont", "debug"])
    assert caught.value.facts["parameters"] == "count, debug"


def test_module_without_parameters_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plain.ko"
    path.write_bytes(make_module("plain"))
    with pytest.raises(UsageError, match="it has none"):
        require_parameters("plain", path, ["nope"])
