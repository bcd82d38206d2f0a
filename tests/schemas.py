"""What is wrong with a document by a JSON schema, of the keywords that published schemas here use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}
# they say nothing of a document
_SILENT = {"$defs", "$comment", "type", "properties", "additionalProperties", "required", "items"}


def find_faults(
    value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any], at: str = ""
) -> Iterator[str]:
    """Yield each fault with its place. Raises KeyError for a keyword that is not known here."""
    if "$ref" in schema:
        yield from find_faults(value, defs[schema["$ref"].rpartition("/")[2]], defs, at)
        return
    kind = schema.get("type")
    # for Python, True is an integer; no boolean is allowed so far
    if kind and (not isinstance(value, _TYPES[kind]) or isinstance(value, bool)):
        yield f"{at}: no {kind}"
        return
    yield from (
        f"{at}: not as {word} {schema[word]} says"
        for word in schema.keys() - _SILENT
        if not _CHECKS[word](value, schema[word])
    )
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value)
        if schema.get("additionalProperties", True) is False:
            yield from (f"{at}: {name} is unknown" for name in value.keys() - known.keys())
        for name in value.keys() & known.keys():
            yield from find_faults(value[name], known[name], defs, f"{at}/{name}")
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            yield from find_faults(each, schema["items"], defs, f"{at}/{number}")


def _has_format(value: str, name: str) -> bool:
    if name == "date-time":
        try:
            return datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            return False
    return {"uri": bool(urlsplit(value).scheme)}[name]


_CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "const": lambda value, wanted: value == wanted,
    "enum": lambda value, wanted: value in wanted,
    "format": _has_format,
    "maxLength": lambda value, most: len(value) <= most,
    "maximum": lambda value, most: value <= most,
    "minimum": lambda value, least: value >= least,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
}
