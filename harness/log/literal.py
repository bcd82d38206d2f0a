r"""Reads a log that a program printed as a string of Python: '[ 1.0] a\n[ 1.1] b\n', b'...', a list of those.

Such a line becomes the lines in it. Logs in the kernel's own format are left alone. Pure.
"""

from __future__ import annotations

import re

_TIME = rb"(?:<\d{1,6}>)?\[ *\d{1,12}\.\d{6}\]"
_SPEAKS = re.compile(rb"^ *" + _TIME, re.MULTILINE)
# a line that is a string, perhaps of bytes, perhaps assigned, in which a record begins
_LITERAL = re.compile(
    rb"^[ \t]*(?:[\w.]{1,40} ?[=:] ?)?[\[(]?(?P<bytes>[bB])?['\"](?P<text>(?="
    + _TIME
    + rb"|.*\\n"
    + _TIME
    + rb").*)",
    re.MULTILINE,
)
_ESCAPE = re.compile(
    # between two strings of a list
    rb"(?P<next>\\n['\"], ?[bB]?['\"]|['\"], ?[bB]?['\"](?=" + _TIME + rb"))"
    rb"|\\(?:(?P<letter>[nrt\\'\"])|(?:x(?P<code>[0-9a-f]{2})|u(?P<short>[0-9a-f]{4})|U(?P<long>[0-9a-f]{8})))"
)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_END = re.compile(rb"['\"][\])]*,?\s*\Z")


def is_literal(head: bytes) -> bool:
    """Whether a file begins with such strings, and not with a log in the kernel's own format."""
    return _LITERAL.search(head) is not None and _SPEAKS.search(head) is None


def parse_literals(data: bytes) -> bytes:
    """Return a log with each string replaced by its lines."""
    return _LITERAL.sub(_lines, data)


def _lines(literal: re.Match[bytes]) -> bytes:
    is_bytes = literal["bytes"] is not None
    text = _END.sub(b"", literal["text"])
    return _ESCAPE.sub(lambda escape: _meant(escape, is_bytes=is_bytes), text).removesuffix(b"\n")


def _meant(escape: re.Match[bytes], *, is_bytes: bool) -> bytes:
    """Return the character of an escape, in UTF-8."""
    if escape["next"]:
        return b"\n"
    if letter := escape["letter"]:
        return _LETTERS.get(letter, letter)
    code = int(escape["code"] or escape["short"] or escape["long"], 16)
    if is_bytes and escape["code"]:
        return bytes((code,))
    return chr(code).encode(errors="replace") if code <= 0x10FFFF else escape[0]
