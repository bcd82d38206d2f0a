"""The saved state of a build of out-of-tree modules, which can be found by a module's path.

Owns the layout of a build's directory in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rustbed.cache import write_atomically

# in a build's directory: the copied files with kbuild's products, and the state
TREE, _STATE = "tree", "state.json"


@dataclass(frozen=True, kw_only=True)
class BuildState:
    """The state of a directory's last build; empty for one that was interrupted."""

    # digest of the inputs, the kernel and the compilers
    digest: str = ""
    # the author's directory that the tree is a copy of
    root: str = ""
    # SHA-256 of each copied file, by its path in the tree
    files: Mapping[str, str] = field(default_factory=dict)
    # modules of the directory, and of directories that were built for it: paths in the tree, by name
    modules: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    warnings: str = ""
    # for a failed build: its first error, and all output
    failure: str = ""
    printed: str = ""
    # the session that saw it fail
    session: str = ""

    def save(self, place: Path) -> None:
        """Save it in a build's directory."""
        write_atomically(place / _STATE, json.dumps(asdict(self)))


def load_state(place: Path) -> BuildState:
    """Return the state of the build in a directory; an empty one if there is none."""
    try:
        return BuildState(**json.loads((place / _STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return BuildState()


def forget_state(place: Path) -> None:
    """Remove the state, because a build begins."""
    (place / _STATE).unlink(missing_ok=True)


def find_beside(path: Path, name: str) -> Path | None:
    """Return the file of a module that was built together with the module at `path`, or for it."""
    if (tree := _find_tree(path)) is None:
        return None
    state = load_state(tree.parent)
    found = {**state.beside, **state.modules}.get(name)
    return tree / found if found else None


def find_copy(path: Path) -> tuple[Path, Path] | None:
    """Return the tree in which a module was built, and the author's directory; None for other modules."""
    if (tree := _find_tree(path)) is None:
        return None
    root = load_state(tree.parent).root
    return (tree, Path(root)) if root else None


def _find_tree(path: Path) -> Path | None:
    return next(
        (each for each in path.parents if each.name == TREE and (each.parent / _STATE).is_file()), None
    )
