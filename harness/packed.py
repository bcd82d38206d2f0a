"""Compressed files and archives: one layer is taken off. A module of its own, because most logs are plain.

What an input unpacks to is bounded, for a few bytes may stand for very many.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import IO, BinaryIO, Protocol, cast

from rustbed import process
from rustbed.errors import HarnessError, UsageError

# bytes that one input may unpack to, and files that are read of it
MOST, _FILES = 1 << 30, 1000
_CHUNK = 64 * 1024
# what the libraries raise of an input that is cut or damaged
_BROKEN = (EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error, RuntimeError)


class Readable(Protocol):
    """A stream of bytes: none are left when `read` returns none."""

    def read(self, size: int, /) -> bytes:
        """Return up to this many bytes."""
        ...


def unpack(packing: str, name: str, file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and bytes of what a file holds that is packed as gzip, bzip2, xz, zstd, tar or zip.

    Each is closed when the next one is asked for. OSError if the file cannot be read, UsageError if it cannot
    be unpacked or unpacks to more than `MOST`.
    """
    try:
        if packing in _ARCHIVES:
            yield from _ARCHIVES[packing](name, file)
        else:
            with closing(_COMPRESSIONS[packing](name, file)) as unpacked:
                yield name, unpacked
    except _BROKEN as error:
        raise UsageError(f"cannot unpack {name}: {error}") from error


def copy(name: str, source: Readable) -> BinaryIO:
    """Return a file with what a stream holds, at its beginning; UsageError if that is more than `MOST`."""
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        while (chunk := source.read(_CHUNK)) and made.tell() <= MOST:
            made.write(chunk)
        return _bounded(name, cast(BinaryIO, made))
    except BaseException:
        made.close()
        raise


def _bounded(name: str, file: BinaryIO) -> BinaryIO:
    if file.tell() > MOST:
        file.close()
        raise UsageError(f"{name} unpacks to more than {MOST >> 30} GiB")
    file.seek(0)
    return file


def _from_gzip(name: str, file: BinaryIO) -> BinaryIO:
    return copy(name, cast(BinaryIO, gzip.GzipFile(fileobj=file)))


def _from_bzip2(name: str, file: BinaryIO) -> BinaryIO:
    return copy(name, cast(BinaryIO, bz2.BZ2File(file)))


def _from_xz(name: str, file: BinaryIO) -> BinaryIO:
    return copy(name, cast(BinaryIO, lzma.LZMAFile(file)))


def _from_zstd(name: str, file: BinaryIO) -> BinaryIO:
    """Return what a zstd file holds, by the program: Python has it from 3.14 on."""
    try:
        program = process.require_program("zstd")
        done = process.run(
            ["sh", "-c", f"{program} -qdc | head -c {MOST + 1}"],
            attempted=f"unpacking {name}",
            stdin=file.read(),
        )
    except HarnessError as error:
        raise UsageError(f"{name} is compressed with zstd: {error}") from error
    if done.stderr:
        raise UsageError(f"cannot unpack {name}: {done.stderr.decode(errors='replace').strip()}")
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    made.write(done.stdout)
    return _bounded(name, cast(BinaryIO, made))


def _from_tar(name: str, file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        files = (member for member in archive if member.isfile())
        yield from _members(name, ((file.name, partial(archive.extractfile, file)) for file in files))


def _from_zip(name: str, file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    with zipfile.ZipFile(file) as archive:
        files = (member for member in archive.infolist() if not member.is_dir())
        yield from _members(name, ((file.filename, partial(archive.open, file)) for file in files))


_COMPRESSIONS = {"gzip": _from_gzip, "bzip2": _from_bzip2, "xz": _from_xz, "zstd": _from_zstd}
_ARCHIVES = {"tar": _from_tar, "zip": _from_zip}


def _members(
    name: str, members: Iterator[tuple[str, Callable[[], IO[bytes] | None]]]
) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the files among the members of an archive, which together are not larger than one may be."""
    total = 0
    for count, (member, open_member) in enumerate(members):
        source = open_member()
        if source is None or count >= _FILES:
            continue
        with source, closing(copy(f"{name}:{member}", source)) as made:
            total += made.seek(0, 2)
            made.seek(0)
            if total > MOST:
                raise UsageError(f"{name} unpacks to more than {MOST >> 30} GiB")
            yield f"{name}:{member}", made
