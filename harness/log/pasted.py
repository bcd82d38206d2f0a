"""Undoes what terminals, editors, browsers and chats do to copied text, line by line.

The number of lines stays. Prefixes of lines are learned elsewhere
(harness/log/unwrap.py). Pure.
"""

from __future__ import annotations

import re

from rustbed.log.record import strip_ansi

# control characters as `cat -v` shows them
_CARETS = re.compile(r"\^\[\[[0-9;?]{0,16}[A-Za-z]|\^M$", re.MULTILINE)
# colours whose ESC was dropped, or was written in octal by a syslogd
_COLOUR = re.compile(r"(?:#033)?\[(?:\d{1,3}(?:;\d{1,3}){0,5})?m")
# text that a terminal erased: a carriage return, then the command to erase. It is tried where a line or what
# follows a carriage return begins, without backtracking: a long line is read once
_ERASED = re.compile(r"(?:(?<![^\n])|(?<=\r)(?!\r))[^\r\n]*+\r++\x1b\[[02]?K")
# logcat makes a tag of a message's first word before a colon, and pads it; the kernel is process 0
_LOGCAT = re.compile(
    r"^\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9} +0 +0 [VDIWEF] "
    r"(?:(?=.{8}: )(?P<tag>[^:\s][^:\n]{0,7}?)? *: |(?=[\w.-]{9,64}: ))",
    re.MULTILINE,
)
# logcat -v long has it on a line of its own
_LOGCAT_LONG = re.compile(
    r"^\[ \d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9} +0: *0 [VDIWEF]/[^\n\]]{0,64}\]$", re.MULTILINE
)
# marks at the end of each line: of `cat -A`, and of a table of quoted texts (RFC 4180)
_MARKS = ("$", '"')
# a mail's lines in quoted-printable (RFC 2045): "=" at the end of a line continues it
_SOFT = re.compile(r"^[^\n]{60,75}(?<!=)=$", re.MULTILINE)
_BROKEN = re.compile(r"(?:[^\n]*(?<!=)=\n)+[^\n]*")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2})+")
# lines that must end in a mark; a table also has a line with the names of its columns
_ENOUGH = 3
# HTML's entities and their characters, `&amp;` last
_ENTITIES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&nbsp;", " "),
    ("&amp;", "&"),
)
# no-break spaces, and characters without a width
_INVISIBLE = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
)


def undo_pasting(text: str) -> str:
    """Return a text as it was before it was copied, without control sequences in any form."""
    if "\x1b" in text:
        text = strip_ansi(_ERASED.sub("", text))
    if text[-6:].rstrip("\r\n").endswith(_MARKS):
        text = _without_mark(text)
    # most texts have none of these: a fast check comes before each
    if "^" in text:
        text = _CARETS.sub("", text)
    if "[0m" in text:
        text = _COLOUR.sub("", text)
    if "&" in text and any(entity in text for entity, _ in _ENTITIES[:-1]):
        for entity, meant in _ENTITIES:
            text = text.replace(entity, meant)
    if not text.isascii():
        text = text.translate(_INVISIBLE)
    if " 0     0 " in text or " 0:    0 " in text:
        text = _LOGCAT_LONG.sub("", _LOGCAT.sub(_untagged, text))
    if "=3D" in text and _SOFT.search(text):
        text = _QUOTED.sub(_unquoted, _BROKEN.sub(_rejoined, text))
    # terminals fill lines up
    return "\n".join(line.rstrip(" \t") for line in text.split("\n")) if " \n" in text else text


def _rejoined(lines: re.Match[str]) -> str:
    """Join a broken line, and return empty lines for its other parts."""
    return lines[0].replace("=\n", "") + "\n" * lines[0].count("\n")


def _unquoted(codes: re.Match[str]) -> str:
    return bytes.fromhex(codes[0].replace("=", "")).decode(errors="replace").replace("\n", " ")


def _untagged(prefix: re.Match[str]) -> str:
    return f"{prefix['tag']}: " if prefix["tag"] else ""


def _without_mark(text: str) -> str:
    """Return a text without a mark at the end of nearly all its lines; the kernel prints none."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    mark = text.rstrip("\r\n")[-1:]
    marked = sum(line.endswith(mark) for line in lines)
    if marked < _ENOUGH or marked * 10 < (len(lines) - lines.count("") - 1) * 9:
        return text
    plain = "\n".join(line.removesuffix(mark) for line in lines)
    return plain.replace('""', '"') if mark == '"' else plain
