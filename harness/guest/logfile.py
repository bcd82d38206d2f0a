"""A file that a machine's words are written to while it runs.

Owns what becomes of a write that fails, such as on a full disk: it is kept and
raised when the machine is looked at. Writers are threads and callbacks, in
which an error would end the wrong thing, or nothing.
"""

from __future__ import annotations

from pathlib import Path

from rustbed.errors import EvidenceError


class LogFile:
    """A file that is written to and never read here; one after a failed write stays as it is."""

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
