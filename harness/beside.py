"""A cache that cannot be written, as an image for CI brings one: what is made anew goes beside it.

Owns the directory of links that stands for such a cache. What entries are, harness/cache.py knows.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rustbed.cache import hash_text, mark
from rustbed.errors import HostError

# directories of a cache that have no entries: everybody makes their own
_OWN = frozenset(("apt", "locks", "logs", "outoftree", "probes"))


def find_writable(root: Path) -> Path:
    """Return `root` if it can be written or does not exist, else a directory with links to its entries.

    That directory is the user's alone, below $TMPDIR, and found again by the next session. Raises HostError
    if there is no place for it.
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
    """Make a directory a cache that has another's entries of the kinds that are wanted, as links."""
    mark(directory)
    for entry in sorted(root.glob("*/*")):
        kind = entry.parent.name
        if not wanted(kind) or entry.name.startswith("."):
            continue
        (directory / kind).mkdir(exist_ok=True)
        # there since an earlier session, or another process makes it now
        with suppress(FileExistsError):
            (directory / kind / entry.name).symlink_to(entry)
