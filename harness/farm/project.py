"""A copy of the project as it was when a session began, named by its contents; workers run it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rustbed import process
from rustbed.cache import is_cache
from rustbed.errors import UsageError
from rustbed.report.rundir import is_evidence

# MiB: a larger project contains more than its source
_LARGEST_MIB = 512
# directories that no test needs, for projects without git
_SKIPPED = frozenset(
    (
        ".git",
        ".venv",
        "venv",
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        "node_modules",
        ".tox",
    )
)


def copy_project(root: Path, place: Path) -> Path:
    """Copy the files of a project to a directory in `place` that is named by them, and return it.

    Of a git repository these are the files that git does not ignore. Raises UsageError if they are too large.
    """
    copy = place / "project.part"
    digest, size = hashlib.sha256(), 0
    copy.mkdir(parents=True)
    for path in sorted(_list_git(root) or _walk(root)):
        # a file that disappears meanwhile is a temporary file
        with suppress(FileNotFoundError):
            size += _copy(root / path, copy / path)
            digest.update(f"{path}\0{_fingerprint(copy / path)}\0".encode(errors="surrogateescape"))
        if size > _LARGEST_MIB << 20:
            raise UsageError(
                f"the project {root} has more than {_LARGEST_MIB} MiB: too much for a farm",
                hint="list files that its tests do not need in .gitignore, or choose --rootdir",
            )
    return copy.rename(place / f"project-{digest.hexdigest()[:16]}")


def _copy(source: Path, target: Path) -> int:
    """Copy a file or a symbolic link, and return its size."""
    size = source.lstat().st_size
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    return size


def _fingerprint(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    with path.open("rb") as file:
        return f"{path.stat().st_mode:o} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def _list_git(root: Path) -> list[Path]:
    """Return the files that git does not ignore, nothing if it cannot say."""
    if shutil.which("git") is None:
        return []
    argv = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = process.run(argv, attempted="listing the project's files", check=False)
    names = done.stdout.decode(errors="surrogateescape").split("\0") if done.status == 0 else []
    found: list[Path] = []
    for path in dict.fromkeys(Path(name) for name in names if name):
        whole = root / path
        if whole.is_dir() and not whole.is_symlink():
            # git names a repository inside of the repository, but not its files
            found += (path / inner for inner in _walk(whole))
        elif _is_file(whole):
            found.append(path)
    return found


def _walk(root: Path) -> Iterator[Path]:
    for base, directories, names in os.walk(root):
        directories[:] = [
            name for name in directories if name not in _SKIPPED and not _is_generated(Path(base, name))
        ]
        links = [name for name in directories if Path(base, name).is_symlink()]
        yield from (
            Path(base, name).relative_to(root) for name in (*names, *links) if _is_file(Path(base, name))
        )


def _is_generated(directory: Path) -> bool:
    """Whether a directory was made by a program: results, a cache, a virtual environment of any name."""
    is_environment = (directory / "pyvenv.cfg").is_file()
    return is_environment or is_evidence(directory) or is_cache(directory)


def _is_file(path: Path) -> bool:
    """Whether a path can be copied: sockets and pipes cannot."""
    return path.is_symlink() or path.is_file()


def move_word(word: str, root: Path, copy: Path) -> str:
    """Return an argument; if it, or its value, is a path in the project, the path becomes one in the copy."""
    option, equals, value = word.rpartition("=") if word.startswith("-") else ("", "", word)
    rest = value.removeprefix(str(root))
    is_inside = value.startswith(str(root)) and (rest == "" or rest.startswith(("/", "::")))
    return f"{option}{equals}{copy}{rest}" if is_inside else word
