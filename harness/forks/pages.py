"""Guest memory in files; most of its pages are empty.

Owns copying such a file without its empty pages and telling whether one is
still the same. Knows nothing of machines.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
_EMPTY = bytes(PAGE)
# bytes of one read
_CHUNK = 1 << 20


def _chunks(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of all parts of a file that are not holes."""
    size, position = os.fstat(descriptor).st_size, 0
    while position < size:
        try:
            position = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            # the rest of the file is a hole
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, position, os.SEEK_HOLE)
        while position < end:
            chunk = os.pread(descriptor, min(_CHUNK, end - position), position)
            if not chunk:
                return
            yield position, chunk
            position += len(chunk)


def _runs(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of each run of pages that are not empty."""
    for offset, chunk in _chunks(descriptor):
        if not chunk.strip(b"\0"):
            continue
        start = 0
        for at in range(0, len(chunk), PAGE):
            page = chunk[at : at + PAGE]
            if page == _EMPTY[: len(page)]:
                if at > start:
                    yield offset + start, chunk[start:at]
                start = at + PAGE
        if len(chunk) > start:
            yield offset + start, chunk[start:]


def copy_pages(source: int, target: Path) -> None:
    """Copy a file given by its descriptor; pages of zeros become holes."""
    with target.open("wb") as stream:
        stream.truncate(os.fstat(source).st_size)
        for offset, data in _runs(source):
            stream.seek(offset)
            stream.write(data)


def hash_pages(path: Path) -> str:
    """Return a hash of a file's contents. Empty pages are skipped, and hash as holes do."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        digest.update(b"%d;" % os.fstat(stream.fileno()).st_size)
        for offset, data in _runs(stream.fileno()):
            for at in range(0, len(data), PAGE):
                digest.update(b"%d:" % (offset + at))
                digest.update(data[at : at + PAGE])
    return digest.hexdigest()
