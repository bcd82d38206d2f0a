"""The stream of kernel records from the guest's /dev/kmsg.

A thread reads it as it comes, keeps the raw bytes in a file and the parsed
records in memory. "No warning appeared" is made a fact by the fence: a unique
record is written in the guest, and once it is seen here, everything before it
is here too.
"""

from __future__ import annotations

import secrets
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rustbed.deadline import Deadline
from rustbed.guest.logfile import LogFile
from rustbed.log.record import Record, parse_kmsg
from rustbed.progress import plural

# facility "user", level "debug": on no console, in every log
_FENCE_PREFIX = "<15>"
_FENCE_MARK = "rustbed fence "


def render_fence(token: str) -> str:
    """Return what to write to /dev/kmsg."""
    return f"{_FENCE_PREFIX}{_FENCE_MARK}{token}"


def is_fence(record: Record) -> bool:
    """Whether a record is ours, not the kernel's."""
    return record.text.startswith(_FENCE_MARK)


# records kept in memory: a log that long is a flood, which fails its test; all of it is in the file
FLOOD = 100_000
# what a fork answers; no record looks like this
_AWAKE = "rustbed awake"
_AWAKE_LINE = f"{_AWAKE}\n".encode()
# of a fork's seed; the guest takes twice as many digits, at most 64
_SEED_BYTES = 32
# seconds for the log of a machine that stands still to be here, and between two looks whether it is
_STILL_S = 5.0
_GLANCE_S = 0.003
# of a flood's end, so that what stopped it is seen
_TAIL = 1_000
# records by which the clocks of kernel and host are matched
_LEADS = 64


@dataclass(frozen=True, kw_only=True)
class EarlierLog:
    """The kernel log before a stream begins: that of the machine this one is a fork of."""

    # without fences
    records: tuple[Record, ...] = ()
    # the sequence number that the next record has, fence or not
    next_seq: int = 0


NOTHING_EARLIER = EarlierLog()


class RecordStream:
    """Gathers records until the other end closes."""

    def __init__(self, sock: socket.socket, raw: Path, earlier: EarlierLog = NOTHING_EARLIER) -> None:
        self._sock = sock
        self._raw = LogFile(raw)
        self._records: list[Record] = list(earlier.records)
        self._tail: deque[Record] = deque(maxlen=_TAIL)
        self.total = 0
        self._received = 0
        self._lost = 0
        # of the last records: when they came, less when they were made
        self._leads: deque[float] = deque(maxlen=_LEADS)
        self._next = earlier.next_seq
        self._fences: set[str] = set()
        # how many records there were when the guest said that it is awake
        self._awake_at: int | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._pump, name="kmsg", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        rest = b""
        while True:
            try:
                chunk = self._sock.recv(1 << 16)
            except OSError:
                return
            if not chunk:
                return
            self._received += len(chunk)
            self._raw.write(chunk)
            data = rest + chunk
            with self._changed:
                if self._awake_at is None and _AWAKE_LINE in data:
                    before, _, data = data.partition(_AWAKE_LINE)
                    self._take_all(before)
                    self._awake_at = len(self._records)
                rest = self._take_all(data)
                self._changed.notify_all()

    def _take_all(self, data: bytes) -> bytes:
        """Take the records that are whole and return what is left."""
        records, rest = parse_kmsg(data)
        for record in records:
            self._take(record)
        return rest

    def _take(self, record: Record) -> None:
        # sequence numbers count every record from the first of the boot on, also those the reader was too
        # slow for
        self._lost += max(0, record.seq - self._next)
        self._next = record.seq + 1
        if is_fence(record):
            self._fences.add(record.text.removeprefix(_FENCE_MARK).strip())
            return
        self.total += 1
        self._leads.append(time.monotonic() - record.time_us / 1e6)
        (self._records if len(self._records) < FLOOD else self._tail).append(record)

    def as_earlier(self) -> EarlierLog:
        """Return what came so far as the log of machines that are copies of this one.

        To be asked of a machine that stands still. Raises TimeoutError if what it sent before does not
        come to an end.
        """
        deadline = Deadline.after(_STILL_S)
        count = -1
        while count != self._received:
            if deadline.expired:
                raise TimeoutError
            count = self._received
            # what is on its way is with the socket or with the thread
            time.sleep(_GLANCE_S)
            readable, _, _ = select.select([self._sock], [], [], 0)
            count = -1 if readable else count
        with self._changed:
            return EarlierLog(records=(*self._records, *self._tail), next_seq=self._next)

    @property
    def damage(self) -> str:
        """What is wrong with the log itself; empty if nothing is."""
        if self.total > FLOOD:
            return f"kernel log flood: {self.total} records"
        return f"kernel log overrun: {plural(self._lost, 'record')} lost" if self._lost else ""

    @property
    def kernel_began(self) -> float | None:
        """The time.monotonic() at which the kernel's clock was 0, by the record that came fastest."""
        with self._changed:
            return min(self._leads, default=None)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records so far, fences left out; of a flood, the beginning and the end."""
        with self._changed:
            return (*self._records, *self._tail)

    def wake(self) -> None:
        """Tell a fork the time, and give it randomness that no other fork has: see `awake_at`.

        What is told is described in images/rbctl/rbctl.c.
        """
        line = f"{time.time():.0f} {secrets.token_hex(_SEED_BYTES)} {_AWAKE}\n"
        # a QEMU that is gone is noticed by who waits for the answer
        with suppress(OSError):
            self._sock.sendall(line.encode())

    def awake_at(self, deadline: Deadline) -> int | None:
        """Return how many records there were when a fork had done what `wake` told it, waiting for that.

        None when the deadline passed first.
        """
        with self._changed:
            while self._awake_at is None and not deadline.expired:
                self._changed.wait(deadline.remaining)
            return self._awake_at

    def saw_fence(self, token: str, deadline: Deadline) -> bool:
        """Wait for the fence with that token; False when the deadline passed first."""
        with self._changed:
            while token not in self._fences and not deadline.expired:
                self._changed.wait(deadline.remaining)
            return token in self._fences

    def check(self) -> None:
        """Raise EvidenceError if the raw records could not be written."""
        self._raw.check()

    def close(self) -> None:
        """End the thread and close the file."""
        # the guest's end may be closed already
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)
        self._sock.close()
        self._raw.close()
