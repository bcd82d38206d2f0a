"""Memory for machines, divided among all processes that use one cache.

A machine is started when there is room for all the memory it may come to use,
and not before: running out is a wait, or an error that says so, and never a
QEMU that the kernel killed.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict

from rustbed import host
from rustbed.cache import Cache, write_atomically
from rustbed.deadline import Deadline
from rustbed.errors import HostError
from rustbed.procfs import born
from rustbed.progress import plural

# MiB that are left to other programs
HEADROOM_MIB = 256
# seconds to wait for the machines of other processes to end
PATIENCE_S = 600.0
# seconds between two looks at the claims; and at the free memory, which other programs use, too
_POLL_S = 0.05
_LOOK_S = 1.0


# tells the claims of one process apart
_serial = itertools.count(1)


class _Claim(TypedDict):
    pid: int
    # start of the process, in clock ticks since the host's boot: process numbers are used again
    born: int
    serial: int
    mib: int


class Ledger:
    """The claims of all processes; claims of a process that has ended are ignored."""

    def __init__(self, cache: Cache, available_mib: Callable[[], int] = host.available_memory_mib) -> None:
        self._cache = cache
        self._path = cache.root / "locks" / "machines.json"
        self._available_mib = available_mib

    @contextmanager
    def claim(
        self,
        mib: int,
        *,
        patience_s: float = PATIENCE_S,
        on_wait: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Hold a claim on that much memory, and wait for it if it is not free.

        `on_wait` is called once if there is none now: what it ends may be all that is in the way. Raises
        HostError when then no machine is there to wait for, or the wait does not end. What a machine uses
        counts twice, as used and as claimed: careful, not exact.
        """
        deadline = Deadline.after(patience_s)
        seen = self._stamp()
        while (serial := self._try(mib, deadline, may_fail=on_wait is None)) is None:
            if on_wait is not None:
                on_wait()
                on_wait = None
                continue
            # hundreds of processes may wait: a look at the file's time is cheap
            again = Deadline.after(deadline.slice(_LOOK_S))
            while seen == self._stamp() and not again.expired:
                time.sleep(again.slice(_POLL_S))
            seen = self._stamp()
        try:
            yield
        finally:
            with self._cache.lock("machines"):
                mine = {"pid": os.getpid(), "serial": serial}
                self._store([each for each in self._load() if not mine.items() <= each.items()])

    def _try(self, mib: int, deadline: Deadline, *, may_fail: bool) -> int | None:
        """Enter a claim and return its number; None while there is not enough memory for it.

        Raises HostError if nothing is there to wait for, and it `may_fail`.
        """
        with self._cache.lock("machines"):
            claims = self._load()
            claimed = sum(each["mib"] for each in claims)
            available = self._available_mib()
            if mib + HEADROOM_MIB <= available - claimed:
                me, serial = os.getpid(), next(_serial)
                claims.append(_Claim(pid=me, born=born(me), serial=serial, mib=mib))
                self._store(claims)
                return serial
        if may_fail and (not claims or deadline.expired):
            raise HostError(
                f"not enough memory for a machine of {mib} MiB",
                available=f"{available} MiB, of which {HEADROOM_MIB} are left to others",
                running=f"{plural(len(claims), 'machine')}, which may use {claimed} MiB"
                if claims
                else "no machine",
                fix="fewer workers (-n), or machines with less memory_mib",
            )
        return None

    def _stamp(self) -> int:
        """Return a number that changes when claims are entered or removed; 0 before the first one."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def _load(self) -> list[_Claim]:
        try:
            claims: list[_Claim] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return []
        return [each for each in claims if each["born"] == born(each["pid"])]

    def _store(self, claims: list[_Claim]) -> None:
        write_atomically(self._path, json.dumps(claims))
