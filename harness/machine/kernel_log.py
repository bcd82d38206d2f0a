"""The kernel log of one machine, from its first record to its last.

Owns the fences that make "nothing was logged" a fact, where a test's part of
the log begins, and where the log of a machine that ended comes from. What
records mean is read elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from rustbed.deadline import Deadline
from rustbed.guest.kmsg import NOTHING_EARLIER, EarlierLog, RecordStream, is_fence, render_fence
from rustbed.log.record import Record
from rustbed.log.window import Log
from rustbed.machine.running import read_console


class KernelLog:
    """Records as they arrive; of a machine that ended also those that only its console saw."""

    def __init__(
        self, sock: socket.socket, raw: Path, console: Path, earlier: EarlierLog = NOTHING_EARLIER
    ) -> None:
        self._stream = RecordStream(sock, raw, earlier)
        self._console = console
        self._fences = 0
        self._ended = False
        # what a machine had said when it was found hung, and what was wrong with its log
        self._kept: tuple[Record, ...] | None = None
        self._damage = ""
        # index of the first record of the test's window, and of the first one judged
        self.mark = self.judged_from = len(earlier.records)

    def pass_fence(self, write: Callable[[str], object], deadline: Deadline) -> bool:
        """Let `write` put a unique line into /dev/kmsg; False if it did not arrive in time."""
        self._fences += 1
        token = str(self._fences)
        write(render_fence(token))
        return self._stream.saw_fence(token, deadline)

    def wake(self) -> None:
        """Tell a fork that it is one: see `is_awake`."""
        self._stream.wake()

    def is_awake(self, deadline: Deadline) -> bool:
        """Whether a fork has its own time and randomness, waiting for that.

        What it said until then belongs to no test.
        """
        at = self._stream.awake_at(deadline)
        if at is not None:
            self.mark = self.judged_from = at
        return at is not None

    def as_earlier(self) -> EarlierLog:
        """Return the log of a machine that stands still, for copies of it. Raises TimeoutError."""
        return self._stream.as_earlier()

    @property
    def arrived(self) -> tuple[Record, ...]:
        """The records that came so far; what the guest is about to send is not among them."""
        return self._stream.records

    @property
    def count(self) -> int:
        """How many records came so far, those of a flood included."""
        return self._stream.total

    @property
    def records(self) -> tuple[Record, ...]:
        """All records; of a machine that ended also those that only its console saw."""
        if self._kept is not None:
            return self._kept
        records = self._stream.records
        if not self._ended:
            return records
        newest = records[-1].time_us if records else -1
        console = read_console(self._console)
        return (*records, *(record for record in console if record.time_us > newest and not is_fence(record)))

    @property
    def window(self) -> Log:
        """The records since the test began."""
        return Log(records=self.records[self.mark :])

    @property
    def judged(self) -> Log:
        """The records that the verdict is over."""
        return Log(records=self.records[self.judged_from :])

    @property
    def damage(self) -> str:
        """What is wrong with the log itself: a flood, records lost; empty if nothing is."""
        return self._damage if self._kept is not None else self._stream.damage

    @property
    def kernel_began(self) -> float | None:
        """The time.monotonic() at which the kernel's clock was 0; None before its first record."""
        return self._stream.kernel_began

    def end(self, *, keep: bool) -> None:
        """Take note that the machine ended; with `keep`, what it says from now on does not count."""
        self._ended = True
        if keep:
            self._damage, self._kept = self._stream.damage, self.records

    def check(self) -> None:
        """Raise EvidenceError if the raw records could not be written."""
        self._stream.check()

    def close(self) -> None:
        """End the stream."""
        self._stream.close()
