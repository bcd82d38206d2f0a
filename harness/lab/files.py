"""A job's artifacts to a directory for `--kernel built:`."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from rustbed.lab.job import RefusedError

# largest size of all modules of a kernel in bytes
_LARGEST = 8 << 30
_OPENERS: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes,
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
}


def unpack_modules(archive: Path, to: Path) -> int:
    """Unpack the modules of an archive of lib/modules into one directory, and return how many there are.

    Only a module's own name decides where it is written. Raises RefusedError.
    """
    to.mkdir(parents=True)
    count = size = 0
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if not member.isfile() or ".ko" not in path.suffixes[-2:]:
                    continue
                if path.suffix not in _OPENERS:
                    raise RefusedError(f"its modules are compressed as {path.suffix}, which is not supported")
                stored = tar.extractfile(member)
                assert stored is not None
                data = _OPENERS[path.suffix](stored.read())
                count, size = count + 1, size + len(data)
                if size > _LARGEST:
                    raise RefusedError(f"its modules have more than {_LARGEST >> 30} GiB")
                (to / path.name.removesuffix(path.suffix)).with_suffix(".ko").write_bytes(data)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise RefusedError(f"its archive of modules cannot be unpacked: {error}") from error
    if not count:
        raise RefusedError("its archive contains no modules")
    return count
