"""Parts as bytes: directories written as tar archives under zstd, and unpacked.

A part is verified by its digest before it is unpacked. Even so, unpacking writes
nothing outside of its directory.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import zstandard

from rustbed.packs.oci import Blob, PackError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# zstd's level: vmlinux is a third smaller than at the default level, and takes seconds
LEVEL = 15
_CHUNK = 1 << 20
# bytes that the files of a part may take
_LIMIT = 4 * 2**30


class _Hashed(io.RawIOBase):
    """A sink that hashes what passes."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Return True: io asks."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Pass bytes on."""
        view = memoryview(data)
        self.digest.update(view)
        self.size += len(view)
        self._sink.write(view)
        return len(view)


def write_part(target: Path, files: Mapping[str, Path], level: int = LEVEL) -> tuple[Blob, str]:
    """Write files and links as a part; return what identifies it, and the digest of the bare archive.

    `files` has by its name in the part where a file is, `level` is zstd's. Equal files give equal bytes.
    """
    with target.open("wb") as raw:
        outer = _Hashed(raw)
        with zstandard.ZstdCompressor(level=level).stream_writer(
            cast(IO[bytes], outer), closefd=False
        ) as packed:
            inner = _Hashed(packed)
            with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for name, path in sorted(files.items()):
                    _add(archive, name, path)
    blob = Blob(digest=f"sha256:{outer.digest.hexdigest()}", size=outer.size)
    return blob, f"sha256:{inner.digest.hexdigest()}"


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    entry = tarfile.TarInfo(name)
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        archive.addfile(entry)
        return
    with path.open("rb") as stream:
        facts = path.stat()
        entry.size, entry.mode = facts.st_size, 0o755 if facts.st_mode & 0o100 else 0o644
        archive.addfile(entry, stream)


def unpack_part(source: Path, directory: Path) -> None:
    """Unpack a part into a directory.

    Raises PackError for something that is neither a file nor a link, or a path outside of the directory.
    """
    written = 0
    try:
        with source.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    written += entry.size
                    if written > _LIMIT:
                        raise PackError(f"a part with more than {_LIMIT >> 30} GiB")
                    _extract(archive, entry, directory)
            while stream.read(_CHUNK):
                # read to the end, so that bytes after the archive are checked, too
                pass
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise PackError(f"a part is damaged: {error}") from error


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, directory: Path) -> None:
    if not (entry.isreg() or entry.issym()):
        raise PackError(f"a part has something other than files and links: {entry.name!r}")
    # not by the filters of tarfile, which Python has since 3.11.4 only
    target, root = directory / entry.name, directory.resolve()
    leads_to = target.parent / entry.linkname if entry.issym() else target
    if not all(path.resolve().is_relative_to(root) for path in (target.parent, leads_to)):
        raise PackError(f"a part has a file or a link outside of it: {entry.name!r}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.issym():
            target.symlink_to(entry.linkname)
        else:
            _write(archive, entry, target)
    except (FileExistsError, NotADirectoryError) as error:
        raise PackError(f"a part has two files of one name: {entry.name!r}") from error


def _write(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    with target.open("xb") as sink:
        contents = archive.extractfile(entry)
        assert contents is not None
        shutil.copyfileobj(contents, sink, _CHUNK)
    target.chmod(entry.mode & 0o755 | 0o600)
    os.utime(target, (entry.mtime, entry.mtime))
