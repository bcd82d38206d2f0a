"""What an edit touches: modules alone, or the kernel itself.

Reads what kbuild noted of every object, its command and the files it was made
of, in `.NAME.cmd` beside it (scripts/Makefile.lib, if_changed_dep), and the
list of a module's objects in NAME.mod. In doubt the answer is the kernel.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# more edits than this are a merge, not a driver author at work
_MOST = 40


def touches_modules_only(build: Path, source_seen: str, changed: Sequence[str]) -> bool:
    """Say whether nothing but objects of modules was made of the changed files.

    `build` is the O= tree, `source_seen` the source tree as make saw it, and
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
    """Return, for each file, what was made of it, relative to the O= tree."""
    users: list[set[str]] = [set() for _ in files]
    # a name ends with its line, or with a space inside of a command
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
    """Remove what was made of files, so that it is made again: make itself goes by times."""
    if changed:
        for made in find_users(build, [f"{source_seen}/{path}" for path in changed]):
            for name in made:
                (build / name).unlink(missing_ok=True)
