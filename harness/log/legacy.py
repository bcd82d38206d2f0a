"""Rust symbol names in the legacy mangling, which rustc used by default and kernels before 6.2 had in part.

Such a name has the form of a C++ one with a hash as last part: rustc's `legacy.rs`. Pure.
"""

from __future__ import annotations

import re

# the parts are told apart later: to repeat them here takes twice as long for each further digit
_SYMBOL = re.compile(r"(?:__cfi_|__pfx_)?_ZN(?P<path>\d[\w$.]+?)17h[0-9a-f]{16}E")
_ESCAPES = {
    "SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ",",
}  # fmt: skip
_ESCAPE = re.compile(r"\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$")


def demangle_legacy(symbol: str) -> str:
    """Return the path that a legacy symbol stands for, without its hash; other text unchanged."""
    match = _SYMBOL.match(symbol)
    parts = _split(match["path"]) if match else []
    return "::".join(map(_plain, parts)) or symbol


def _split(path: str) -> list[str]:
    """Return the parts of a path, each of which follows its length; none if they do not fill the path."""
    parts = []
    while number := re.match(r"\d{1,4}", path):
        end = number.end() + int(number[0])
        parts.append(path[number.end() : end])
        if end > len(path):
            return []
        path = path[end:]
    return [] if path else parts


def _plain(part: str) -> str:
    text = part[1:] if part.startswith("_$") else part
    return _ESCAPE.sub(_character, text).replace("..", "::")


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        code = int(escape[1], 16)
        return chr(code) if 0x20 <= code < 0xD800 else escape[0]
    return _ESCAPES.get(escape[2], escape[0])
