"""Watches a machine for a test, and reports what was seen.

Owns the order of the steps: checks that make the kernel log something run before its log is read, and
checks that only read run after that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from rustbed import runfiles
from rustbed.errors import CommandError, HarnessError, LostError
from rustbed.guest.shell import By
from rustbed.instruments.instrument import Instrument
from rustbed.kernel.module import measure_file
from rustbed.log.record import Record, render_records
from rustbed.log.splat import Kind, Splat, find_splats
from rustbed.log.taints import new_taints
from rustbed.machine.live import Live
from rustbed.report.verdict import MachineReport, Outcome

# seconds to wait for effects that a module left behind, unless a test says otherwise
LINGER_S = 0.1


@dataclass
class Watched:
    """One machine and the instruments that watch it."""

    live: Live
    # each with the result of its `begin`
    instruments: Sequence[tuple[Instrument, int]]
    # seconds to wait after a module or a driver came or went
    linger_s: float
    # number of commands that the guest had been given at the last look; None: there was none
    _looked_at: int | None = None
    # number of records when the taints were last read, and those taints: each new one is logged
    _tainted_at: int = -1
    _taints: tuple[str, ...] = ()
    # records of the instruments that are not in the log
    _found: tuple[Record, ...] = ()
    # a splat for each instrument that could not run
    _blind: list[Splat] = field(default_factory=list)

    def look(self) -> MachineReport:
        """Return a report of the machine so far. Instruments run again only after a further command.

        May be called any number of times; the last report counts.
        """
        live = self.live
        wants_look = live.ended is None and self._looked_at != live.commands
        records, taints = self._take(wants_look=wants_look)
        self._looked_at = live.commands
        wanted = live.end_is_wanted and isinstance(live.ended, LostError)
        ended = None if wanted else live.ended
        (live.run_dir / runfiles.KERNEL).write_text(render_records(records) + "\n")
        return MachineReport(
            arch=live.arch,
            release=live.kernel.release,
            accel=live.spec.accel,
            boot_ms=live.boot_ms,
            kernel_began=live.kernel_began,
            records=records,
            splats=(*find_splats(records), *_damage(Kind.FLOOD, live.log_damage), *self._blind),
            taints=taints,
            ended=Outcome(ended.outcome) if ended is not None else None,
            reason=ended.headline if ended is not None else "",
            run_dir=live.run_dir,
            hang=ended.hang if ended is not None else "",
            reported=tuple(live.reported),
            modules=_modules(live),
        )

    def _take(self, *, wants_look: bool) -> tuple[tuple[Record, ...], tuple[str, ...]]:
        """Return the machine's records and its new taints; what was seen once is kept."""
        live = self.live
        # the shell itself, without a subshell: that is most of the time of a short command
        run_bare = partial(live.talk.run, by=By.SHELL)
        try:
            if wants_look:
                live.linger(self.linger_s)
                self._blind, self._found = [], ()
                for instrument, _ in self.instruments:
                    with self._not_blind(instrument):
                        instrument.provoke(run_bare)
            records = self._judged()
            if wants_look or self._tainted_at != len(records):
                self._tainted_at = len(records)
                self._read_taints()
            for instrument, since in self.instruments if wants_look else ():
                with self._not_blind(instrument):
                    self._found += instrument.find(live.run, since)
        except HarnessError:
            # the machine has just died: its records until then are complete, and live.ended has the reason
            records = self._judged()
        return (*records, *self._found), self._taints

    def _read_taints(self) -> None:
        before = self.live.taint_at_begin
        taint = self.live.taint if self.live.ended is None else None
        if taint is not None and before is not None:
            self._taints = new_taints(before, taint)

    def _judged(self) -> tuple[Record, ...]:
        """Return the records of the test, without lines that announce results of a scan for all tests."""
        said = [instrument.announces for instrument, _ in self.instruments if instrument.announces]
        return tuple(
            record for record in self.live.judged if not any(re.match(each, record.text) for each in said)
        )

    @contextmanager
    def _not_blind(self, instrument: Instrument) -> Iterator[None]:
        """Note a fault if an instrument cannot run, because an unchecked machine proves nothing."""
        try:
            yield
        except CommandError as error:
            self._blind += _damage(instrument.kind, error.headline)


def watch(live: Live, instruments: Sequence[Instrument], linger_s: float = LINGER_S) -> Watched:
    """Begin to watch a machine. Raises MachineError."""
    begun = [(each, each.begin(live.run)) for each in instruments]
    watched = Watched(live=live, instruments=begun, linger_s=linger_s)
    live.before_end = watched.look
    return watched


def _modules(live: Live) -> tuple[tuple[str, int, int, int], ...]:
    """Return the sizes of the loaded modules whose files still exist."""
    found = []
    for name, path in sorted({load.name: load.path for load in live.loads}.items()):
        with suppress(OSError, HarnessError):
            found.append((name, *measure_file(path)))
    return tuple(found)


def _damage(kind: Kind, what: str) -> tuple[Splat, ...]:
    """Return a splat for damage of the evidence itself, because incomplete evidence proves nothing."""
    return (Splat(kind=kind, title=what, function="", fatal=False, first=0, last=-1),) if what else ()
