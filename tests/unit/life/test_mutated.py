"""What no test can notice is marked in a copy of a driver's source."""

from __future__ import annotations

import pytest
from tests.drivers.mutated import find_tests, mark

from rustbed.errors import UsageError
from rustbed.life.mutants import find_mutants

SOURCE = """\
fn f() -> Result<u32> {
    Ok(0)
}
pub fn g<'a>() -> Result<u32> {
    Ok(0)
}
"""


def test_a_line_behind_a_function_is_marked_and_has_no_mutants() -> None:
    marked = mark(SOURCE, {("g", "Ok(0)"): "it is thrown away"})
    assert marked.splitlines()[4] == "    Ok(0) // no mutant: it is thrown away"
    assert [mutant.line for mutant in find_mutants(SOURCE.encode())] == [2, 5]
    assert [mutant.line for mutant in find_mutants(marked.encode())] == [2]


def test_a_function_ends_where_the_next_one_begins() -> None:
    source = "fn f() {\n    g();\n}\nfn g() {\n    g();\n}\n"
    marked = mark(source, {("f", "g();"): "it returns at once"})
    assert ["no mutant" in line for line in marked.splitlines()] == [False, True, *[False] * 4]


def test_a_part_of_a_line_is_marked_and_the_rest_of_it_is_not() -> None:
    source = "fn f() {\n    let mut buf = [0u8; 128];\n}\n"
    marked = mark(source, {("f", "let mut buf = [0u8; 128];", "0u8"): "it is read into"})
    assert marked.splitlines()[1] == "    let mut buf = [0u8; 128]; // no mutant of `0u8`: it is read into"
    assert [mutant.change for mutant in find_mutants(marked.encode())] == [
        "`f` returned at once",
        "`128` became `129`",
    ]


def test_a_line_that_is_no_longer_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="no line of fn g is 'Ok\\(1\\)'"):
        mark(SOURCE, {("g", "Ok(1)"): "as above"})
    with pytest.raises(UsageError, match="no line of fn h"):
        mark(SOURCE, {("h", "Ok(0)"): "as above"})


def test_tests_are_those_of_its_name_or_those_that_name_it() -> None:
    assert find_tests("rust_minimal") == ["tests/drivers/test_rust_minimal.py"]
    assert find_tests("rust_i2c_client") == ["tests/drivers/test_rust_driver_i2c.py"]
