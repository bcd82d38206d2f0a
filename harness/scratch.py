"""Temporary directories of long-running processes: the next process removes those of killed ones."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from rustbed.cache import remove_tree

# file that is locked while its directory is in use
_LOCK = "lock"


@contextmanager
def open_scratch(prefix: str) -> Iterator[Path]:
    """Yield a directory in the host's temporary folder; its name begins with `prefix`.

    Those of this user's processes that were killed are removed first.
    """
    for left in Path(gettempdir()).glob(f"{prefix}*"):
        # in use, or somebody else removes it
        with suppress(OSError):
            _sweep(left)
    directory = Path(mkdtemp(prefix=prefix))
    # gets its name when it is locked: no other process finds it unlocked
    unnamed = directory / f".{_LOCK}"
    with unnamed.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        unnamed.rename(directory / _LOCK)
        try:
            yield directory
        finally:
            # what a program that is about to end still writes is left to the next one
            with suppress(OSError):
                _remove(directory)


def _sweep(directory: Path) -> None:
    """Remove a directory. Raises OSError if it is in use, or is not one of `open_scratch`."""
    if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
        return
    with (directory / _LOCK).open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(directory)


def _remove(directory: Path) -> None:
    """Remove a directory, its lock last: without it no other process would remove the directory."""
    for path in directory.iterdir():
        if path.name != _LOCK:
            remove_tree(path)
    remove_tree(directory)
