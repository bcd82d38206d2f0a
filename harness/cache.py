"""The cache: content-addressed entries that are whole or not there.

An entry is a directory `<root>/<kind>/<key>`, filled in a temporary directory
beside it, under a lock, and swapped in by one rename. Its manifest names the
files with their SHA-256; a damaged entry counts as absent, and is taken away
and made again when it is next wanted.

Knows nothing of what the entries mean.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rustbed import checked
from rustbed.checked import hash_file
from rustbed.errors import HostError, suggest

MANIFEST = "manifest.json"
# what an entry holds for the cache itself
OWN_FILES = frozenset((MANIFEST, checked.NAME))
# marks a cache, and what says that it is ours
TAG = "CACHEDIR.TAG"
_WHOSE = "This is the cache of rustbed."

# what an entry says about itself: anything JSON can hold
Facts = dict[str, Any]


def hash_text(*parts: str) -> str:
    """Return 16 hexadecimal digits that identify the parts, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()[:16]


# for the option --cache, wherever it is offered
CACHE_HELP = "where toolroot, kernels and images are kept (default: $RUSTBED_CACHE, else ~/.cache/rustbed)"


def default_root() -> Path:
    """Return $RUSTBED_CACHE, else rustbed below $XDG_CACHE_HOME or ~/.cache.

    Raises HostError for a user without a home: a container may run as a number that no user has.
    """
    if chosen := os.environ.get("RUSTBED_CACHE"):
        return Path(chosen).absolute()
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "rustbed"
    try:
        return Path.home() / ".cache" / "rustbed"
    except RuntimeError as error:
        raise HostError("this user has no home directory for a cache", fix="RUSTBED_CACHE=DIR") from error


def write_atomically(path: Path, text: str) -> None:
    """Write a small file as UTF-8 so that a reader sees the old or the new text, never half of one.

    Its directory is made; its rights are those of any new file. What UTF-8 cannot hold becomes "?".
    """
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            temporary.write_text(text, encoding="utf-8", errors="replace")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an OSError name the file that is written, and not the hidden one that becomes it."""
    try:
        yield
    except OSError as error:
        hidden = error.filename is None or Path(os.fsdecode(error.filename)).name.startswith(f".{path.name}.")
        if not hidden:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def require_space(path: Path, gib: float, attempted: str) -> None:
    """Raise HostError unless the file system of `path` has `gib` GiB free."""
    path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path).free / 2**30
    if free < gib:
        raise HostError(
            f"{attempted}: {free:.1f} GiB free in {path}, {gib:g} GiB needed",
            fix=f"{suggest('clean')}, or set RUSTBED_CACHE to a larger disk",
        )


@contextmanager
def out_of_space_named(path: Path, attempted: str) -> Iterator[None]:
    """Turn ENOSPC and EDQUOT into a HostError that says where and what fixes it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise HostError(
            f"{attempted}: no space left in {path}",
            fix=f"{suggest('clean')}, or set RUSTBED_CACHE to a larger disk",
        ) from error


def mark(root: Path) -> None:
    """Tell backups and builds that a directory is a cache: https://bford.info/cachedir/."""
    tag = root / TAG
    if not tag.exists():
        tag.write_text(f"Signature: 8a477f597d28d172789f06886806bc55\n# {_WHOSE}\n")


def is_cache(directory: Path) -> bool:
    """Whether a directory is a cache of ours."""
    try:
        return _WHOSE in (directory / TAG).read_text(errors="replace")
    except OSError:
        return False


class Cache:
    """A directory of entries, shared by any number of processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, key: str) -> Path:
        """Return where an entry is, or would be."""
        return self.root / kind / key

    @contextmanager
    def lock(
        self, name: str, on_wait: Callable[[], None] | None = None, *, shared: bool = False
    ) -> Iterator[None]:
        """Hold the lock called `name`; the kernel releases it when the holder dies.

        Any number of processes hold a `shared` lock together, while none holds it alone. `on_wait` is called
        once if it has to be waited for.
        """
        wanted = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        path = self.root / "locks" / f"{name.replace('/', '-')}.lock"
        with out_of_space_named(self.root, f"making the lock {name}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            mark(self.root)
        with path.open("w") as stream:
            try:
                fcntl.flock(stream, wanted | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait()
                fcntl.flock(stream, wanted)
            yield

    def find(
        self,
        kind: str,
        key: str,
        check: Iterable[str] | None = None,
        digest: Callable[[Path], str] = hash_file,
    ) -> Facts | None:
        """Return the facts of an entry, or None if it is absent or damaged.

        `check` names the files whose contents are compared with the manifest
        (all of them when None), unless they were and have not changed since; that
        every file is there with its size is checked always. `digest` is the hash
        that the entry was published with.
        """
        entry = self.path(kind, key)
        try:
            manifest = json.loads((entry / MANIFEST).read_text())
            files: dict[str, dict[str, object]] = manifest["files"]
            wanted = set(files if check is None else check)
            sums = {name: str(facts["sha256"]) for name, facts in files.items() if name in wanted}
            whole = all((entry / name).stat().st_size == facts["size"] for name, facts in files.items())
            return dict(manifest["facts"]) if whole and checked.have_sums(entry, sums, digest) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def publish(
        self,
        kind: str,
        key: str,
        fill: Callable[[Path], Facts],
        *,
        hashed: Callable[[Path], bool] = lambda path: True,
        check: Iterable[str] | None = None,
        digest: Callable[[Path], str] = hash_file,
        on_wait: Callable[[], None] | None = None,
    ) -> Facts:
        """Return the facts of an entry, made by `fill` if it is not there.

        `fill` gets an empty directory and returns JSON-able facts. `hashed`
        says of a path relative to it whether it goes into the manifest. `check` is as in `find`, and
        `digest` how files are hashed. When `fill` raises, nothing is left behind.
        """
        if (facts := self.find(kind, key, check, digest)) is not None:
            return facts
        entry = self.path(kind, key)
        with self.lock(f"{kind}-{key}", on_wait):
            if (facts := self.find(kind, key, check, digest)) is not None:
                return facts
            parent = entry.parent
            with out_of_space_named(self.root, f"making {kind}/{key}"):
                parent.mkdir(parents=True, exist_ok=True)
                # under the lock: what is here is damaged, or was left by a process that was killed
                for stale in (entry, *parent.glob(f".{key}.*")):
                    remove_tree(stale)
                temporary = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=parent))
                try:
                    temporary.chmod(0o755)
                    made = fill(temporary)
                    manifest = {"facts": made, "files": _describe(temporary, hashed, digest)}
                    (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1))
                    temporary.rename(entry)
                except BaseException:
                    remove_tree(temporary)
                    raise
            return made

    def evict(self, kind: str, *, max_age_s: float, max_bytes: int) -> None:
        """Remove entries of a kind older than `max_age_s`, and the oldest beyond `max_bytes` on disk.

        An entry's age is that of its directory's modification time. Those that are being made are left
        alone; what a killed process left of making one goes.
        """
        now, kept = time.time(), 0
        entries = [(path.stat().st_mtime, path) for path in self._entries(kind)]
        for modified, path in sorted(entries, reverse=True):
            unfinished = path.name.startswith(".")
            kept += 0 if unfinished else _disk_bytes(path)
            if unfinished or now - modified > max_age_s or kept > max_bytes:
                self._remove(kind, path)

    def _entries(self, kind: str) -> list[Path]:
        directory = self.root / kind
        return list(directory.iterdir()) if directory.is_dir() else []

    def _remove(self, kind: str, path: Path) -> None:
        """Remove an entry, or what is left of making one, unless another process is using it."""
        key = path.name.removeprefix(".").partition(".")[0]
        lock = self.root / "locks" / f"{kind}-{key}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as stream, suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(path)


def _disk_bytes(directory: Path) -> int:
    """Return what the files of a directory take on disk; holes take nothing."""
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*"))


def _describe(
    directory: Path, hashed: Callable[[Path], bool], digest: Callable[[Path], str]
) -> dict[str, dict[str, object]]:
    """Return size and hash of the regular files below a directory that `hashed` accepts."""
    found = {}
    for base, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(base, name)
            relative = path.relative_to(directory)
            if hashed(relative) and path.is_file() and not path.is_symlink():
                found[str(relative)] = {"size": path.stat().st_size, "sha256": digest(path)}
    return found


def remove_tree(path: Path) -> None:
    """Remove a file or a directory tree, also one with read-only directories in it."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for base, directories, _ in os.walk(path):
        for name in (".", *directories):
            inner = Path(base, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(path)
