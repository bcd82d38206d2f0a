"""Checksums of files, and whether a file may have changed since it was read.

A file whose inode, size and both times are as before was not written since. Owns the note of an entry of the
cache: which of its files were compared with their checksums, and how they were then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

NAME = "checked.json"
# nanoseconds after a change in which another one may leave a file's times as they are
_SETTLED_NS = 2 * 10**9

# inode, size, the times of a file's contents and of the file itself in ns
Version = tuple[int, int, int, int]
# of a file: the parts of its version, and the checksum that it had
Look = list[object]


def version_of(facts: os.stat_result) -> Version:
    """Return what differs after every change of a file."""
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_unchanged(path: Path) -> str:
    """Return the SHA-256 of a file, which is read again only after a change. Raises OSError."""
    return _hash_version(path, version_of(path.stat()))


@lru_cache(maxsize=4096)
def _hash_version(path: Path, _version: Version) -> str:
    return hash_file(path)


def have_sums(entry: Path, sums: Mapping[str, str], digest: Callable[[Path], str]) -> bool:
    """Say whether files of an entry, by name, have these checksums; only what may have changed is read.

    Raises OSError for a file that cannot be read.
    """
    known, looks = _load(entry), dict[str, Look]()
    now = time.time_ns()
    for name, wanted in sums.items():
        # before the file is read: a change meanwhile is seen the next time
        found = (entry / name).stat()
        look: Look = [*version_of(found), wanted]
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
