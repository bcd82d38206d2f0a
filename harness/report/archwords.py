"""Finds the architecture that a text mentions, by any of the words that programs use for it.

Owns those words. Pure.
"""

from __future__ import annotations

import re

from rustbed.arch import ARCHES

# words for architectures, including some that rustbed does not support, and one name for each
_WORDS = {
    **{word: row.name for row in ARCHES.values() for word in (row.name, row.uname, row.debian_arch)},
    **dict.fromkeys(("x86_64", "x86-64", "amd64", "x64", "x86"), "x86_64"),
    **dict.fromkeys(("i386", "i486", "i586", "i686"), "i386"),
    **dict.fromkeys(("arm", "arm32", "armv7", "armv7l", "armhf", "armel"), "arm"),
    **dict(zip(("riscv", "loongarch", "s390"), ("riscv64", "loongarch64", "s390x"), strict=True)),
    **{word: word for word in ("riscv32", "ppc64", "ppc", "powerpc", "mips", "mipsel", "mips64", "mips64el")},
    **{word: word for word in ("sparc64", "parisc", "parisc64", "m68k", "sh4", "xtensa", "openrisc", "csky")},
}
_LONGEST_FIRST = "|".join(sorted(_WORDS, key=len, reverse=True))
_WORD = re.compile(rf"(?<![A-Za-z0-9])(?:{_LONGEST_FIRST})(?![A-Za-z0-9])", re.IGNORECASE)


def arch_in(text: str) -> str:
    """Return the name of the one architecture that a text mentions; "" if it mentions none or several."""
    named = {_WORDS[word.lower()] for word in _WORD.findall(text)}
    return named.pop() if len(named) == 1 else ""
