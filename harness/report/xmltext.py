"""Cleans bytes that should be XML for a parser, because output of tests may have characters that XML forbids.

Owns the decoding, and the replacement of forbidden characters: colours are removed, other control characters
and undecodable bytes are replaced by their code. Pure. Streams: memory does not grow with the document.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator

from rustbed.escape import code_of

# the declaration of an encoding
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.:-]*)["']""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# production 2 of XML 1.0, reversed
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,8}));")
# colours and similar sequences, except for those that may contain `<`, which could be the next element
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,64}[A-Za-z]")
# a reference, or a colour, that may continue in the next chunk
_PART_OF_REFERENCE = re.compile(r"&[#\w]{0,16}\Z")
_PART_OF_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]{0,64})?\Z")


def clean_xml(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a document as UTF-8, whatever encoding it declares.

    Raises LookupError for a declared encoding that is unknown, or that is not a text encoding.
    """
    # references before colours, because a colour may begin with a reference; a reference may contain a colour
    texts = _change_whole(_PART_OF_REFERENCE, _dereference, _decode(chunks))
    texts = _change_whole(_PART_OF_COLOUR, lambda text: _COLOUR.sub("", text), texts)
    texts = _change_whole(_PART_OF_REFERENCE, _forbid, texts)
    return (text.encode() for text in texts)


def _decode(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    for chunk in chunks:
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_find_encoding(chunk))("backslashreplace")
        yield decoder.decode(chunk).removeprefix("\ufeff")
    if decoder is not None:
        yield decoder.decode(b"", True)


def _change_whole(part: re.Pattern[str], change: Callable[[str], str], texts: Iterable[str]) -> Iterator[str]:
    """Apply `change` to a stream of texts; a `part` at the end of a text is joined with the next text."""
    held = ""
    for text in texts:
        joined = held + text
        unfinished = part.search(joined, max(0, len(joined) - 80))
        cut = unfinished.start() if unfinished else len(joined)
        held = joined[cut:]
        yield change(joined[:cut])
    yield change(held)


def _find_encoding(begin: bytes) -> str:
    """Return the encoding in a document's first bytes; XML's default is UTF-8."""
    for mark, encoding in _MARKS:
        if begin.startswith(mark):
            return encoding
    declared = _DECLARED.match(begin)
    name = declared[1].decode() if declared else "utf-8"
    # raises LookupError for a codec that is not for text, such as `hex`
    "".encode(name)
    # a document that declares UTF-16 in single bytes is not in UTF-16
    return "utf-8" if name.lower().startswith(("utf-16", "utf16", "utf-32")) else name


def _dereference(text: str) -> str:
    """Replace references to forbidden characters by the characters."""
    return _REFERENCE.sub(lambda match: _referred(match) or match[0], text) if "&#" in text else text


def _forbid(text: str) -> str:
    """Replace forbidden characters, and references to them, by their codes."""
    if "&#" in text:
        text = _REFERENCE.sub(lambda match: _FORBIDDEN.sub(code_of, _referred(match)) or match[0], text)
    return _FORBIDDEN.sub(code_of, text)


def _referred(match: re.Match[str]) -> str:
    """Return the forbidden character of a reference, its code if there is none, "" if it is allowed."""
    number = int(match[1], 16) if match[1] else int(match[2])
    if number > 0x10FFFF:
        return f"\\u{number:04x}"
    return chr(number) if _FORBIDDEN.match(chr(number)) else ""
