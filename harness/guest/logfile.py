"""A log file of a machine, written while it runs.

Owns what happens after a failed write, such as on a full disk: the error is kept, and
raised by the next check of the machine. Writers are threads and callbacks, where
an exception would end the wrong thing or get lost.
"""

from __future__ import annotations

from pathlib import Path

from rustbed.errors import EvidenceError


class LogFile:
    """A file that is only written; after a failed write it does not change any more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("wb", buffering=0)
        self._failure: OSError | None = None

    def write(self, data: bytes) -> None:
        """Append bytes, unless the file is closed or a write has failed; never raises."""
        if self._failure is None and not self._stream.closed:
            try:
                self._stream.write(data)
            except OSError as error:
                self.fail(error)

    def fail(self, error: OSError) -> None:
        """Let `check` raise that what belongs to this file cannot be kept."""
        self._failure = error

    def check(self) -> None:
        """Raise EvidenceError if a write has failed."""
        if self._failure is not None:
            raise EvidenceError(
                f"cannot write {self._path.name}: {self._failure.strerror}",
                file=self._path,
                note="what the machine does from here on is not judged",
            )

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
