"""The stream of kernel records from the guest's /dev/kmsg.

A thread reads the stream, writes the raw bytes to a file and keeps the parsed
records in memory. A fence makes sure that the log is complete: a unique
record is written in the guest, and once it arrives here, all earlier records
have arrived, too.
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
    """Render the record of a fence, to be written to /dev/kmsg."""
    return f"{_FENCE_PREFIX}{_FENCE_MARK}{token}"


def is_fence(record: Record) -> bool:
    """Whether a record is a fence of ours."""
    return record.text.startswith(_FENCE_MARK)


# records kept in memory; a longer log is a flood, which fails the test, and only the file has all of it
FLOOD = 100_000
# a fork's answer when it has woken; no record of the kernel looks like this
_AWAKE = "rustbed awake"
_AWAKE_LINE = f"{_AWAKE}\n".encode()
# bytes of a fork's seed; the guest reads it as up to 64 hexadecimal digits
_SEED_BYTES = 32
# seconds for the log of a stopped machine to arrive, and between two checks whether it has
_STILL_S = 5.0
_GLANCE_S = 0.003
# records kept from the end of a flood, which show what stopped it
_TAIL = 1_000
# number of recent records from which the offset between the clocks of kernel and host is estimated
_LEADS = 64


@dataclass(frozen=True, kw_only=True)
class EarlierLog:
    """The kernel log before a stream begins, inherited from the machine that this one is a fork of."""

    # without fences
    records: tuple[Record, ...] = ()
    # sequence number of the next record, including fences
    next_seq: int = 0


NOTHING_EARLIER = EarlierLog()


class RecordStream:
    """Collects records until the other end closes."""

    def __init__(self, sock: socket.socket, raw: Path, earlier: EarlierLog = NOTHING_EARLIER) -> None:
        self._sock = sock
        self._raw = LogFile(raw)
        self._records: list[Record] = list(earlier.records)
        self._tail: deque[Record] = deque(maxlen=_TAIL)
        self.total = 0
        self._received = 0
        self._lost = 0
        # arrival time on the host minus the kernel's time, of the last records
        self._leads: deque[float] = deque(maxlen=_LEADS)
        self._next = earlier.next_seq
        self._fences: set[str] = set()
        # number of records when the guest reported that it is awake
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
        """Take the complete records and return the rest of the bytes."""
        records, rest = parse_kmsg(data)
        for record in records:
            self._take(record)
        return rest

    def _take(self, record: Record) -> None:
        # sequence numbers count all records since the boot, including those that were overwritten before
        # they could be read
        self._lost += max(0, record.seq - self._next)
        self._next = record.seq + 1
        if is_fence(record):
            self._fences.add(record.text.removeprefix(_FENCE_MARK).strip())
            return
        self.total += 1
        self._leads.append(time.monotonic() - record.time_us / 1e6)
        (self._records if len(self._records) < FLOOD else self._tail).append(record)

    def as_earlier(self) -> EarlierLog:
        """Return the log so far, for machines that are copies of this one.

        The machine must be stopped. Raises TimeoutError if records that it sent before keep arriving.
        """
        deadline = Deadline.after(_STILL_S)
        count = -1
        while count != self._received:
            if deadline.expired:
                raise TimeoutError
            count = self._received
            # records in flight are either in the socket or in the thread
            time.sleep(_GLANCE_S)
            readable, _, _ = select.select([self._sock], [], [], 0)
            count = -1 if readable else count
        with self._changed:
            return EarlierLog(records=(*self._records, *self._tail), next_seq=self._next)

    @property
    def damage(self) -> str:
        """What is wrong with the log itself; "" if nothing is."""
        if self.total > FLOOD:
            return f"kernel log flood: {self.total} records"
        return f"kernel log overrun: {plural(self._lost, 'record')} lost" if self._lost else ""

    @property
    def kernel_began(self) -> float | None:
        """The host's time.monotonic() at which the kernel's clock was 0, by the record that came fastest."""
        with self._changed:
            return min(self._leads, default=None)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records so far without fences; only the beginning and the end of a flood."""
        with self._changed:
            return (*self._records, *self._tail)

    def wake(self) -> None:
        """Send a fork the time, and a random seed that no other fork gets: see `awake_at`.

        images/rbctl/rbctl.c describes the format.
        """
        line = f"{time.time():.0f} {secrets.token_hex(_SEED_BYTES)} {_AWAKE}\n"
        # the wait for the answer notices that QEMU is gone
        with suppress(OSError):
            self._sock.sendall(line.encode())

    def awake_at(self, deadline: Deadline) -> int | None:
        """Wait until a fork has done what `wake` asks for, and return how many records there were then.

        Returns None if the deadline passes first.
        """
        with self._changed:
            while self._awake_at is None and not deadline.expired:
                self._changed.wait(deadline.remaining)
            return self._awake_at

    def saw_fence(self, token: str, deadline: Deadline) -> bool:
        """Wait for the fence with a token; False if the deadline passes first."""
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
