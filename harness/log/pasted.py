"""What terminals, editors, browsers and chats do to a text on its way: undone, line by line.

Text comes back with as many lines. What stands before lines is learned elsewhere
(harness/log/unwrap.py). Pure.
"""

from __future__ import annotations

import re

from rustbed.log.record import strip_ansi

# control characters as `cat -v` shows them
_CARETS = re.compile(r"\^\[\[[0-9;?]{0,16}[A-Za-z]|\^M$", re.MULTILINE)
# colours, as they are left when ESC was dropped, or written in octal by a syslogd
_COLOUR = re.compile(r"(?:#033)?\[(?:\d{1,3}(?:;\d{1,3}){0,5})?m")
# what browsers show for these, `&amp;` last
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
# blanks that are not to be broken, and characters without a width
_INVISIBLE = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
)


def undo_pasting(text: str) -> str:
    """Return a text without control sequences, in whatever form they are, as it was before it was copied."""
    text = strip_ansi(text)
    # most texts have none of these: each is looked for by what is found fastest
    if "^" in text:
        text = _CARETS.sub("", text)
    if "[0m" in text:
        text = _COLOUR.sub("", text)
    if "&" in text and any(entity in text for entity, _ in _ENTITIES[:-1]):
        for entity, meant in _ENTITIES:
            text = text.replace(entity, meant)
    if not text.isascii():
        text = text.translate(_INVISIBLE)
    # terminals fill lines up
    return "\n".join(line.rstrip(" \t") for line in text.split("\n")) if " \n" in text else text
