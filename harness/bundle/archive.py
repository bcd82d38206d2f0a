"""Writes bundles, and unpacks bundles that are not trusted.

Reads only as much of the tar format as it writes: regular files with short names in one directory. Links,
devices and extended headers are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from rustbed.bundle.manifest import (
    MANIFEST_LIMIT,
    NAME,
    BundleError,
    Manifest,
    Member,
    check_path,
    parse_manifest,
    render_manifest,
)
from rustbed.cache import named

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20


def describe_file(path: Path) -> Member:
    """Return a file's size and checksum."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Member(size=path.stat().st_size, sha256=digest)


def write_bundle(target: Path, manifest: Manifest, sources: Mapping[str, Path]) -> None:
    """Write a bundle with the manifest's files, whose contents come from `sources`, whole or not at all.

    The same contents give the same bytes. The directory in it is named like the file.
    """
    top = target.name.partition(".")[0]
    temporary = target.with_name(f".{target.name}.part")
    with named(target):
        try:
            with temporary.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                data = render_manifest(manifest)
                packed.write(_header(f"{top}/{NAME}", len(data)))
                _copy(io.BytesIO(data), packed, len(data))
                for path, member in sorted(manifest.files.items()):
                    packed.write(_header(f"{top}/{path}", member.size))
                    with sources[path].open("rb") as stream:
                        _copy(stream, packed, member.size)
                packed.write(bytes(2 * _BLOCK))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o755 if name.endswith(".sh") else 0o644
    return entry.tobuf(tarfile.USTAR_FORMAT)


def _copy(source: BinaryIO, sink: gzip.GzipFile, size: int) -> None:
    left = size
    while chunk := source.read(min(_CHUNK, left)):
        sink.write(chunk)
        left -= len(chunk)
    sink.write(bytes(-size % _BLOCK))


def unpack_bundle(bundle: Path, directory: Path) -> Manifest:
    """Unpack a bundle into an empty directory and return its manifest.

    Raises BundleError at the first violation of the format. The files written until then are named in the
    manifest, have the sizes given there, and are all below `directory`.
    """
    try:
        with gzip.open(bundle, "rb") as stream:
            return _unpack(stream, directory)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"{bundle} is damaged: {error}", fix="download or copy it again") from error
    except FileNotFoundError as error:
        raise BundleError(f"no such bundle: {bundle}") from error
    except IsADirectoryError as error:
        raise BundleError(f"{bundle} is not a bundle: it is a directory") from error


def _unpack(stream: gzip.GzipFile, directory: Path) -> Manifest:
    top, manifest = _read_manifest(stream)
    missing = set(manifest.files)
    while (entry := _next_entry(stream)) is not None:
        name = entry.name.removeprefix(f"{top}/")
        if name == entry.name or name not in missing:
            raise BundleError("the bundle has a file that its manifest does not name", name=repr(entry.name))
        missing.remove(name)
        _extract(stream, entry, manifest.files[name], directory / name)
    if missing:
        raise BundleError(
            "the bundle lacks files that its manifest names", missing=", ".join(sorted(missing))
        )
    return manifest


def _read_manifest(stream: gzip.GzipFile) -> tuple[str, Manifest]:
    """Return the name of the bundle's directory, and the manifest, which comes first."""
    entry = _next_entry(stream)
    top, _, name = ("", "", "") if entry is None else entry.name.partition("/")
    if entry is None or name != NAME or entry.size > MANIFEST_LIMIT:
        raise BundleError("this is not a bundle: it does not begin with a manifest")
    data = b"".join(_contents(stream, entry.size))
    return check_path(top), parse_manifest(data)


def _next_entry(stream: gzip.GzipFile) -> tarfile.TarInfo | None:
    """Return the next header, None at the end. Raises BundleError for anything but a regular file."""
    block = _read_exactly(stream, _BLOCK)
    if block == bytes(_BLOCK):
        return None
    try:
        entry = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise BundleError(f"the bundle is damaged: {error}") from error
    if entry.type != tarfile.REGTYPE or entry.size < 0:
        raise BundleError(
            "the bundle has something other than a regular file", name=repr(entry.name), type=entry.type
        )
    return entry


def _extract(stream: gzip.GzipFile, entry: tarfile.TarInfo, member: Member, target: Path) -> None:
    if entry.size != member.size:
        raise BundleError(f"{entry.name} has {entry.size} bytes, the manifest says {member.size}")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as sink:
        for chunk in _contents(stream, entry.size):
            digest.update(chunk)
            sink.write(chunk)
    if digest.hexdigest() != member.sha256:
        raise BundleError(f"{entry.name} is not what the manifest says: its SHA-256 differs")


def _contents(stream: gzip.GzipFile, size: int) -> Iterator[bytes]:
    """Yield that many bytes, and skip the padding of the last block."""
    left = size
    while left:
        chunk = _read_exactly(stream, min(_CHUNK, left))
        left -= len(chunk)
        yield chunk
    _read_exactly(stream, -size % _BLOCK)


def _read_exactly(stream: gzip.GzipFile, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BundleError("the bundle ends too early")
    return data
