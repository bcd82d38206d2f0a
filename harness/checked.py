"""Which files of an entry of the cache were compared with their checksums, and how they were then.

Owns the note that an entry has of that. A file whose inode, size and both times are as noted was not written
since. Knows nothing of what the files are.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

NAME = "checked.json"
# nanoseconds after a change in which another one may leave a file's times as they are
_SETTLED_NS = 2 * 10**9

# of a file: inode, size, the times of its contents and of itself in ns, and the checksum that it had
Look = list[object]


def have_sums(entry: Path, sums: Mapping[str, str], digest: Callable[[Path], str]) -> bool:
    """Say whether files of an entry, by name, have these checksums; only what may have changed is read.

    Raises OSError for a file that cannot be read.
    """
    known, looks = _load(entry), dict[str, Look]()
    now = time.time_ns()
    for name, wanted in sums.items():
        # before the file is read: a change meanwhile is seen the next time
        found = (entry / name).stat()
        look: Look = [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, wanted]
        if known.get(name) != look and digest(entry / name) != wanted:
            return False
        if now - found.st_ctime_ns > _SETTLED_NS:
            looks[name] = look
    if any(known.get(name) != look for name, look in looks.items()):
        _save(entry, {**known, **looks})
    return True


def _load(entry: Path) -> dict[str, Look]:
    """Return what is noted, nothing if there is no note or it cannot be read."""
    try:
        return dict(json.loads((entry / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _save(entry: Path, looks: Mapping[str, Look]) -> None:
    temporary = entry / f".{NAME}.{os.getpid()}"
    # a cache may be read-only, and an entry may go meanwhile: then the next session reads the files again
    with suppress(OSError):
        try:
            temporary.write_text(json.dumps(looks))
            temporary.replace(entry / NAME)
        finally:
            temporary.unlink(missing_ok=True)
