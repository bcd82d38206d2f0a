"""Supports a read-only cache, as in an image for CI: new entries are made in a directory beside it.

Owns that directory, which has links to the cache's entries. harness/cache.py knows entries.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rustbed.cache import hash_text, mark
from rustbed.errors import HostError

# directories of a cache without entries, which are not linked
_OWN = frozenset(("apt", "locks", "logs", "outoftree", "probes"))


def find_writable(root: Path) -> Path:
    """Return `root` if it can be written or does not exist, else a directory with links to its entries.

    That directory belongs to the user, is below $TMPDIR, and is used again by the next session. Raises
    HostError if it cannot be made.
    """
    if not root.is_dir() or os.access(root, os.W_OK):
        return root
    try:
        directory = Path(tempfile.gettempdir()) / f"rustbed-{os.getuid()}-{hash_text(str(root))}"
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HostError(
            f"the cache {root} cannot be written, and neither can a directory beside it: {error.strerror}",
            fix="TMPDIR=DIR, or RUSTBED_CACHE=DIR for another cache",
        ) from error
    # others may write into the temporary directory, too
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise HostError(f"{directory} belongs to another user", fix="TMPDIR=DIR")
    link_entries(root, directory, lambda kind: kind not in _OWN)
    return directory


def link_entries(root: Path, directory: Path, wanted: Callable[[str], bool]) -> None:
    """Make a directory a cache with links to another cache's entries of the wanted kinds."""
    mark(directory)
    for entry in sorted(root.glob("*/*")):
        kind = entry.parent.name
        if not wanted(kind) or entry.name.startswith("."):
            continue
        (directory / kind).mkdir(exist_ok=True)
        # it exists since an earlier session, or another process has just made it
        with suppress(FileExistsError):
            (directory / kind / entry.name).symlink_to(entry)
