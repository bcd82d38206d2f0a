"""The only door to PyYAML: a YAML file is what its schema says, or an error names the place.

Owns the reading of files and the small language of schemas; knows nothing of
what the files describe. A schema is a value: `Text`, `Flag`, `Date`, `Listing`,
`Record` and `Either` below, put together.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from rustbed.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class Text:
    """A piece of text; one of `choices` if there are any."""

    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Flag:
    """`true` or `false`."""


@dataclass(frozen=True, kw_only=True)
class Date:
    """A day, as 2027-01-31."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Any number of items, each of the same schema."""

    item: Schema


@dataclass(frozen=True, kw_only=True)
class Record:
    """Keys with a schema each."""

    required: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)
    # key under which the record's line (1-based) is put, for errors that only its user can find
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Either:
    """A list where one is given, else a single word."""

    word: Text
    listing: Listing


Schema = Text | Flag | Date | Listing | Record | Either

_TAGS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:bool": "a flag",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:seq": "a list",
    "tag:yaml.org,2002:map": "keys with values",
}


def load_yaml(path: Path, schema: Schema) -> Any:
    """Return what a YAML file holds: dicts, lists, str, bool and date as the schema has them.

    Raises SpecError, with file, line and key, for a file that cannot be read,
    is not YAML or not what the schema says.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read it: {error.strerror}", file=path) from error
    return parse_yaml(text, schema, path)


def parse_yaml(text: bytes, schema: Schema, file: Path) -> Any:
    """Return what YAML text holds; `file` is for errors. Raises SpecError."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise SpecError(f"not valid YAML: {error.problem or error.context}", file=file, line=line) from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        # the reader's errors have a position in bytes or characters at most
        start = getattr(error, "position", None)
        line = text[:start].count(b"\n") + 1 if isinstance(start, int) else None
        problem = getattr(error, "reason", None) or "cannot be decoded"
        raise SpecError(f"not valid YAML: {problem}", file=file, line=line) from error
    if node is None:
        raise SpecError("the file is empty", file=file, line=1, choices=_keys(schema))
    return _Reader(file).read(node, schema, "")


def _keys(schema: Schema) -> tuple[str, ...]:
    return (*schema.required, *schema.optional) if isinstance(schema, Record) else ()


class _Reader:
    """Walks nodes and schema together; `key` is the path of keys that led to a node."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, node: yaml.Node, schema: Schema, key: str) -> Any:
        match schema:
            case Text():
                return self._text(node, schema, key)
            case Flag():
                return self._flag(node, key)
            case Date():
                return self._date(node, key)
            case Listing():
                return self._listing(node, schema, key)
            case Record():
                return self._record(node, schema, key)
            case Either():
                chosen = schema.listing if isinstance(node, yaml.SequenceNode) else schema.word
                return self.read(node, chosen, key)

    def _error(self, problem: str, node: yaml.Node, key: str, choices: Sequence[str] = ()) -> SpecError:
        line = node.start_mark.line + 1
        return SpecError(problem, file=self._file, line=line, key=key or None, choices=choices)

    def _wrong(self, node: yaml.Node, wanted: str, key: str, choices: Sequence[str] = ()) -> SpecError:
        found = _TAGS.get(node.tag, f"a value tagged {node.tag}")
        quote = (
            f' (quote it: "{node.value}")' if wanted == "text" and isinstance(node, yaml.ScalarNode) else ""
        )
        return self._error(f"expected {wanted}, found {found}{quote}", node, key, choices)

    def _text(self, node: yaml.Node, schema: Text, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or _TAGS.get(node.tag) != "text":
            raise self._wrong(node, "text", key, schema.choices)
        value = str(node.value)
        if schema.choices and value not in schema.choices:
            raise self._error(
                f"unknown value {value!r}{_guess(value, schema.choices)}", node, key, schema.choices
            )
        return value

    def _flag(self, node: yaml.Node, key: str) -> bool:
        if not isinstance(node, yaml.ScalarNode) or _TAGS.get(node.tag) != "a flag":
            raise self._wrong(node, "a flag", key, ("true", "false"))
        return str(node.value).lower() in ("true", "yes", "on")

    def _date(self, node: yaml.Node, key: str) -> date:
        try:
            return date.fromisoformat(str(node.value))
        except ValueError:
            raise self._wrong(node, "a day such as 2027-01-31", key) from None

    def _listing(self, node: yaml.Node, schema: Listing, key: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, "a list", key)
        return [self.read(item, schema.item, f"{key}[{index}]") for index, item in enumerate(node.value)]

    def _record(self, node: yaml.Node, schema: Record, key: str) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, "keys with values", key, _keys(schema))
        schemas = {**schema.required, **schema.optional}
        found: dict[str, Any] = {schema.line: node.start_mark.line + 1} if schema.line else {}
        for name_node, value in node.value:
            name = self._name(name_node, schemas, found, key)
            found[name] = self.read(value, schemas[name], f"{key}.{name}".lstrip("."))
        for name in schema.required:
            if name not in found:
                raise self._error(f"missing key {name!r}", node, f"{key}.{name}".lstrip("."), _keys(schema))
        return found

    def _name(
        self, node: yaml.Node, schemas: Mapping[str, Schema], found: Mapping[str, Any], key: str
    ) -> str:
        name = str(node.value) if isinstance(node, yaml.ScalarNode) else repr(node.tag)
        path = f"{key}.{name}".lstrip(".")
        if name not in schemas:
            raise self._error(
                f"unknown key {name!r}{_guess(name, tuple(schemas))}", node, path, tuple(schemas)
            )
        if name in found:
            raise self._error(f"key {name!r} occurs twice", node, path)
        return name


def _guess(word: str, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
