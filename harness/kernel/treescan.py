"""What a source tree looks like from outside: names, times and sizes of its files.

Cheap enough to be asked before every run: 85,000 files take 0.3 to 0.7 s once
the kernel has their directory entries in memory. Comparing two looks is pure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# no build reads these, and they are a sixth of all files
_SKIPPED = frozenset({".git", "Documentation"})


@dataclass(frozen=True, kw_only=True)
class TreeScan:
    """One look at a tree."""

    # "path<TAB>mtime in ns<TAB>size" by path relative to the tree, sorted
    lines: tuple[str, ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """Equal for trees that look alike."""
        return _digest(self.lines)

    @property
    def kconfig_digest(self) -> str:
        """As `digest`, of the files that decide which options there are."""
        return _digest(line for line in self.lines if "Kconfig" in line.partition("\t")[0])


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def scan_tree(directory: Path) -> TreeScan:
    """Look at all files below a directory, without following links."""
    root = str(directory)
    lines = []
    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED:
                        pending.append(entry.path)
                else:
                    facts = entry.stat(follow_symlinks=False)
                    lines.append(f"{entry.path[len(root) + 1 :]}\t{facts.st_mtime_ns}\t{facts.st_size}")
    return TreeScan(lines=tuple(sorted(lines)))


def load_scan(path: Path) -> TreeScan | None:
    """Return a look that was saved, or None."""
    try:
        return TreeScan(lines=tuple(path.read_text(errors="surrogateescape").split("\0")))
    except OSError:
        return None


def save_scan(scan: TreeScan, path: Path) -> None:
    """Save a look, for the next time."""
    path.write_text("\0".join(scan.lines), errors="surrogateescape")


def find_changes(before: TreeScan, after: TreeScan) -> tuple[str, ...]:
    """Return the paths that were changed, added or removed."""
    different = set(before.lines) ^ set(after.lines)
    return tuple(sorted({line.partition("\t")[0] for line in different}))
