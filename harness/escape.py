"""The only door by which foreign text goes into XML, HTML, JSON, Markdown and workflow commands. Pure.

Text from guests, tests and file systems may have any bytes: control characters, halves of surrogate pairs,
characters that change the writing direction. Characters that a format cannot hold, or that a reader should
not obey, are replaced by their codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

# control characters, changes of the writing direction, surrogates, and non-characters
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_BLANK = re.compile(r"\s+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~@])")


def printable(text: str) -> str:
    r"""Return text that every encoding has and XML may hold: what cannot be shown stands as \x1b or \ud800.

    Tabs and newlines are text; a carriage return before a newline goes.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(code_of, text.replace("\r\n", "\n"))


def code_of(match: re.Match[str]) -> str:
    r"""Return what stands for a character that was found: its code, as \x1b or \ud800."""
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def one_line(text: str) -> str:
    """Return printable text of one line, without blanks around it."""
    return printable(_BLANK.sub(" ", text)).strip()


def html_text(text: str) -> str:
    """Escape text for an element or an attribute of HTML."""
    import html  # noqa: PLC0415 - its table of entities is long, and most commands write no page

    return html.escape(printable(text))


def markdown_cell(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    escaped = _MARKDOWN.sub(r"\\\1", one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def workflow_text(text: str, *, is_property: bool = False) -> str:
    """Escape text for a workflow command of GitHub Actions, or for one of its properties."""
    for sign in "%\r\n" + (":," if is_property else ""):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def render_json(value: object, *, indent: int | None = 2) -> str:
    """Render JSON that strict readers accept, too."""
    return _encoder(indent).encode(_printable_all(value)) + "\n"


@cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    """Return a JSON encoder, for writing a long list object by object."""
    return json.JSONEncoder(indent=indent, ensure_ascii=False)


def _printable_all(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return {printable(str(key)): _printable_all(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable_all(each) for each in value]
    return value
