"""A YAML file is what its schema says, or the error names file, line, key and choices."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.errors import SpecError
from rustbed.yamlfile import Date, Either, Flag, Listing, Record, Text, load_yaml, parse_yaml

SCHEMA = Record(
    required={"name": Text()},
    optional={
        "colour": Text(choices=("red", "green")),
        "fast": Flag(),
        "parts": Listing(item=Record(required={"path": Text()}, optional={"big": Flag()})),
        "modules": Either(word=Text(choices=("all",)), listing=Listing(item=Text())),
    },
)
FILE = Path("machine.yaml")


def parse(text: str) -> object:
    return parse_yaml(text.encode(), SCHEMA, FILE)


def refused(text: str | bytes) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text.encode() if isinstance(text, str) else text, SCHEMA, FILE)
    assert caught.value.file == FILE
    assert str(caught.value).startswith("machine.yaml:")
    return caught.value


def test_values_come_as_plain_python() -> None:
    text = "name: a b\nfast: true\nparts:\n- path: /x\n- {path: /y, big: no}\nmodules: all\n"
    assert parse(text) == {
        "name": "a b",
        "fast": True,
        "parts": [{"path": "/x"}, {"path": "/y", "big": False}],
        "modules": "all",
    }


def test_either_takes_a_list_too() -> None:
    assert parse("name: x\nmodules: [a, b]") == {"name": "x", "modules": ["a", "b"]}


def test_broken_syntax_is_placed() -> None:
    error = refused("name: x\nparts: [a, b\nfast: true\n")
    assert error.line == 3
    assert "machine.yaml:3: not valid YAML: " in str(error)


def test_tab_as_indentation_is_placed() -> None:
    assert refused("name: x\nparts:\n\t- path: a\n").line == 3


def test_two_documents_are_refused() -> None:
    assert refused("name: x\n---\nname: y\n").line == 2


def test_unknown_key_names_the_known_ones_and_the_nearest() -> None:
    error = refused("name: x\n\nmodule: all\n")
    assert (error.line, error.key) == (3, "module")
    assert error.choices == ("name", "colour", "fast", "parts", "modules")
    assert "unknown key 'module'; did you mean 'modules'?" in str(error)


def test_unknown_key_deep_inside_has_the_path_to_it() -> None:
    error = refused("name: x\nparts:\n- path: /a\n- path: /b\n  bigg: true\n")
    assert (error.line, error.key, error.choices) == (5, "parts[1].bigg", ("path", "big"))


def test_missing_key_is_named_where_its_record_begins() -> None:
    error = refused("name: x\nparts:\n- path: /a\n- big: true\n")
    assert (error.line, error.key) == (4, "parts[1].path")
    assert "missing key 'path'" in str(error)


def test_key_given_twice_is_refused_at_the_second() -> None:
    error = refused("name: x\nfast: true\nname: y\n")
    assert (error.line, error.key) == (3, "name")
    assert "key 'name' occurs twice" in str(error)


def test_unknown_word_names_the_choices() -> None:
    error = refused("name: x\ncolour: gren\n")
    assert (error.line, error.key, error.choices) == (2, "colour", ("red", "green"))
    assert "did you mean 'green'?" in str(error)


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [
        ("name: [x]\n", 1, "name", "expected text, found a list"),
        ("name: 7\n", 1, "name", 'expected text, found a number (quote it: "7")'),
        ("name: yes\n", 1, "name", 'expected text, found a flag (quote it: "yes")'),
        ("name: 2026-01-01\n", 1, "name", "expected text, found a date"),
        ("name:\n", 1, "name", "expected text, found nothing"),
        ("name: x\nfast: 1\n", 2, "fast", "expected a flag, found a number"),
        ("name: x\nfast: 'true'\n", 2, "fast", "expected a flag, found text"),
        ("name: x\nparts: a\n", 2, "parts", "expected a list, found text"),
        ("name: x\nparts:\n- a\n", 3, "parts[0]", "expected keys with values, found text"),
        ("name: x\nmodules:\n- a\n- 5\n", 4, "modules[1]", "expected text, found a number"),
        ("name: x\nmodules: some\n", 2, "modules", "unknown value 'some'"),
        (
            "name: !!python/object:os.system x\n",
            1,
            "name",
            "a value tagged tag:yaml.org,2002:python/object:os.system",
        ),
        ("- name\n", 1, None, "expected keys with values, found a list"),
        ("[1, 2]: x\n", 1, "'tag:yaml.org,2002:seq'", "unknown key"),
    ],
)
def test_wrong_type_says_what_is_there_and_what_is_wanted(
    text: str, line: int, key: str | None, problem: str
) -> None:
    error = refused(text)
    assert (error.line, error.key) == (line, key)
    assert problem in str(error)


def test_empty_file_names_the_keys_it_could_have() -> None:
    error = refused("# nothing\n")
    assert "the file is empty" in str(error)
    assert "name" in error.choices


@pytest.mark.parametrize("text", [b"name: \xff\xfe\n", b"fast: true\nname: a\x00b\n"])
def test_bytes_that_are_no_text_are_refused(text: bytes) -> None:
    assert "not valid YAML" in str(refused(text))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: cannot read it: No such file or directory"):
        load_yaml(tmp_path / "none.yaml", SCHEMA)


def test_day_is_a_date_quoted_or_not() -> None:
    schema = Listing(item=Date())
    assert parse_yaml(b"[2026-11-21, '2026-11-22']", schema, FILE) == [date(2026, 11, 21), date(2026, 11, 22)]


@pytest.mark.parametrize("text", ["[soon]", "[2026-13-01]", "[2026-11-21 10:00:00]", "[[]]", "[7]"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"machine\.yaml:1: expected a day such as 2027-01-31, found "):
        parse_yaml(text.encode(), Listing(item=Date()), FILE)


def test_record_tells_its_line_if_asked() -> None:
    schema = Listing(item=Record(required={"a": Text()}, line="line"))
    assert parse_yaml(b"- a: x\n\n- a: y\n", schema, FILE) == [{"a": "x", "line": 1}, {"a": "y", "line": 3}]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_whatever_raise_anything_else(text: bytes) -> None:
    with suppress(SpecError):
        parse_yaml(text, SCHEMA, FILE)
