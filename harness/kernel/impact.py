"""Whether an edit affects modules only, or the kernel itself.

Reads kbuild's notes about every object, its command and its source
files, in `.NAME.cmd` beside it (scripts/Makefile.lib, if_changed_dep), and the
list of a module's objects in NAME.mod. In doubt the answer is the kernel.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# more edits than this are a merge, not the work of a driver author
_MOST = 40


def touches_modules_only(build: Path, source_seen: str, changed: Sequence[str]) -> bool:
    """Whether the changed files affect objects of modules only.

    `build` is the O= tree, `source_seen` the source tree's path for make, and
    `changed` has paths relative to that.
    """
    if not changed or len(changed) > _MOST:
        return False
    objects = module_objects(build)
    users = find_users(build, [f"{source_seen}/{path}" for path in changed])
    return all(made and made <= objects for made in users)


def module_objects(build: Path) -> frozenset[str]:
    """Return the objects of all modules, relative to the O= tree."""
    found = set()
    for line in (build / "modules.order").read_text().split():
        found.add(str(Path(line).with_suffix(".o")))
        listed = (build / line).with_suffix(".mod")
        found.update(listed.read_text().split() if listed.is_file() else ())
    return frozenset(found)


def find_users(build: Path, files: Sequence[str]) -> list[set[str]]:
    """Return the objects made from each file, relative to the O= tree."""
    users: list[set[str]] = [set() for _ in files]
    # a name is followed by the end of the line, or in a command by a space
    needles = [tuple(f"{file}{end}".encode() for end in (" ", "\n")) for file in files]
    for base, _, names in os.walk(build):
        for name in names:
            if not (name.startswith(".") and name.endswith(".cmd")):
                continue
            path = Path(base, name)
            text = path.read_bytes()
            for made, needle in zip(users, needles, strict=True):
                if any(end in text for end in needle):
                    made.add(str(path.with_name(name[1:-4]).relative_to(build)))
    return users


def forget_objects(build: Path, source_seen: str, changed: Sequence[str]) -> None:
    """Remove the objects made from files, so that they are rebuilt, because make only compares times."""
    if changed:
        for made in find_users(build, [f"{source_seen}/{path}" for path in changed]):
            for name in made:
                (build / name).unlink(missing_ok=True)
