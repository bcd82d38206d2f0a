"""Paths as a person, an editor and a CI server follow them: from the working directory. Pure but for that.

Owns the removal of one directory from what programs print; knows nothing of compilers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path


def from_here(text: str, here: Path | None = None) -> str:
    """Return a text with paths below a directory, the working directory unless given, named from there.

    The directory must begin a path: /src is not removed from /home/src/a.rs. Paths from / stay as they are.
    """
    directory = str(here or Path.cwd())
    return text if directory == "/" else _below(directory).sub(lambda match: match["before"], text)


@lru_cache(maxsize=8)
def _below(directory: str) -> re.Pattern[str]:
    # a code of colour ends in a letter, as if that were a part of the path behind it
    before = r"(?P<before>\A|\x1b\[[\d;]*[A-Za-z]|[^\w./~+@%-])"
    return re.compile(rf"{before}{re.escape(directory)}/(?=[\w.+@-])")
