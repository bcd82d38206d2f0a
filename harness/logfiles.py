"""Logs as people have them: in directories, compressed, packed, in UTF-16; each becomes a file of text.

What cannot be read as text is an error, for silence about it would pass for a clean log.
"""

from __future__ import annotations

import codecs
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rustbed import runfiles
from rustbed.errors import UsageError

if TYPE_CHECKING:
    from rustbed.packed import Readable

# how often an input is unpacked again
_DEEPEST = 3
# bytes that tell what a file is
_HEAD = 64 * 1024
# a record in a string of Python, and bytes of a log that is one
_STRING = re.compile(rb"(?:['\"]|\\n)(?:\[ *\d|<\d)")
_LITERAL = 16 * 1024 * 1024
# what is unpacked, by its first bytes; a tar is known by a word behind its first name
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
# what is not text, by its first bytes
_BINARY = {
    b"\x7fELF": "an ELF file",
    b"LPKSHHRH": "a systemd journal: journalctl --file prints it",
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image",
    b"KDUMP   ": "a dump of memory",
}
# bytes that text does not hold, besides zeros, which serial lines and crashed file systems leave
# text that stands for other bytes, from its first line on
_ENCODED = re.compile(
    rb"\s*(?:(?P<base64>(?:[A-Za-z0-9+/]{60,76}\r?\n){3})"
    rb"|(?P<hexadecimal>(?:[0-9a-f]{7,8}:? {1,2}(?:[0-9a-f]{2,4} {1,2}){8}[^\n]*\n){3}))"
)
_CONTROLS = re.compile(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def list_logs(name: str) -> list[str]:
    """Return the files of a directory and of those below it, of anything else its name.

    Of a run directory those that report its failure: how it hung and the kernel's log.
    """
    if name == "-" or not Path(name).is_dir():
        return [name]
    if (Path(name) / runfiles.MACHINE).is_file():
        telling = (Path(name) / file for file in (runfiles.HANG, runfiles.KERNEL))
        said = [str(path) for path in telling if path.is_file() and path.stat().st_size]
        return said or [str(Path(name) / runfiles.CONSOLE)]
    return [str(path) for path in sorted(Path(name).rglob("*")) if path.is_file()]


def open_log(name: str) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and text of each log that a file or an archive holds; "-" is standard input.

    The files are at their beginning, and closed when the next one is asked for. Raises UsageError.
    """
    with _readable(name), tempfile.TemporaryFile() if name == "-" else Path(name).open("rb") as log:
        if name == "-":
            shutil.copyfileobj(sys.stdin.buffer, log)
            log.seek(0)
        yield from _unpack(name, log, 0)


def open_bytes(log: bytes) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and text of each log that bytes hold, as `open_log` does of a file."""
    with _readable("the log"):
        yield from _unpack("the log", io.BytesIO(log), 0)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raise UsageError for an input that cannot be read."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from error


def _unpack(name: str, file: BinaryIO, depth: int) -> Iterator[tuple[str, BinaryIO]]:
    """Yield what a file holds: itself, or what is packed in it."""
    head = file.read(_HEAD)
    file.seek(0)
    if depth > _DEEPEST:
        raise UsageError(f"{name} is compressed more than {_DEEPEST} times")
    if packing := _find_packing(head):
        from rustbed.packed import unpack  # noqa: PLC0415 - most logs are plain

        for member, unpacked in unpack(packing, name, file):
            yield from _unpack(member, unpacked, depth + 1)
    else:
        with closing(_as_text(name, file, head)) as text:
            yield name, text


def _find_packing(head: bytes) -> str:
    """Return how a file with these first bytes is packed, "" if it is not."""
    if head[257:262] == b"ustar":
        return "tar"
    return next((packing for magic, packing in _PACKED.items() if head.startswith(magic)), "")


def _copy(name: str, source: Readable) -> BinaryIO:
    """Return a file with what a stream holds, at its beginning."""
    from rustbed.packed import copy  # noqa: PLC0415 - as above

    return copy(name, source)


def _as_text(name: str, file: BinaryIO, head: bytes) -> BinaryIO:
    """Return a file of UTF-8, or of what nearly is; UsageError if it is not text."""
    for magic, what in _BINARY.items():
        if head.startswith(magic):
            raise UsageError(f"{name} is {what}, not a log")
    if encoding := _encoding(head):
        return _copy(name, _Recoded(file, encoding))
    if head and not head.strip(b"\0"):
        head = _behind_zeros(file)
        if not head:
            raise UsageError(f"{name} has only zeros")
    if (encoded := _ENCODED.match(head)) and b"CPU: " not in head:
        raise UsageError(f"{name} is in {encoded.lastgroup}, not a log", fix="decode it first")
    if len(_CONTROLS.findall(head)) * 50 > len(head):
        raise UsageError(f"{name} is binary, not a log")
    return _from_literal(name, file, head) if _STRING.search(head) else file


def _behind_zeros(file: BinaryIO) -> bytes:
    """Return the first bytes behind a hole, which a log has that was emptied while it was written."""
    head = b""
    while not head and (block := file.read(_HEAD)):
        head = block.lstrip(b"\0")
    file.seek(0)
    return head


def _from_literal(name: str, file: BinaryIO, head: bytes) -> BinaryIO:
    """Return the log that a program printed as a string, or the file, if it is not one."""
    from rustbed.log.literal import is_literal, parse_literals  # noqa: PLC0415 - hardly any log is one

    if not is_literal(head):
        return file
    data = file.read(_LITERAL + 1)
    file.seek(0)
    return file if len(data) > _LITERAL else _copy(name, io.BytesIO(parse_literals(data)))


def _encoding(head: bytes) -> str:
    """Return which UTF of wide characters a file is in, "" if in none."""
    # letters of ASCII have a zero in every other byte, or three of them
    odd, even = head[1::2].count(0), head[::2].count(0)
    if (odd + even) * 4 <= len(head):
        return ""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    wide = len(head) // 4
    if (odd > wide) != (even > wide):
        return "utf-16-le" if odd > even else "utf-16-be"
    return ""


class _Recoded:
    """A stream of UTF-8 of one in another encoding."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        while chunk := self._file.read(size):
            if text := self._decoder.decode(chunk):
                return text.encode(errors="replace")
        return b""
