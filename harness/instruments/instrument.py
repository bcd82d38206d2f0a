"""The description of an instrument, which watches a machine for faults that the kernel log does not show.

harness/instruments/table.py lists the instruments and chooses those that watch a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rustbed.guest.shell import Answer
from rustbed.log.record import Record
from rustbed.log.splat import Kind

# runs a command in the guest, with a timeout in seconds; see `Vm.run`
Run = Callable[[str, float | None], Answer]


def begin_with_nothing(run: Run) -> int:
    """Begin an instrument that does not need the state from before the test."""
    return 0


def provoke_nothing(run: Run) -> None:
    """Do nothing for an instrument whose reports the kernel prints by itself."""


def find_nothing(run: Run, since: int) -> tuple[Record, ...]:
    """Return no records, for an instrument whose reports are all in the kernel log."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One instrument. Its functions raise CommandError if the check cannot run, and MachineError."""

    # its name in failure texts, and of its marker
    name: str
    # kind of its reports, also of the report that the check could not run
    kind: Kind
    # options that the kernel must have been built with
    options: tuple[str, ...]
    # options of the kernel that enable another detector, which sees everything that this one sees
    superseded_by: tuple[str, ...] = ()
    # whether it watches every test; otherwise only tests with the marker of its name
    is_default: bool = False
    # words for the kernel's command line; the words of a test come after them
    cmdline: tuple[str, ...] = ()
    # called when judgement of a machine begins; its result is passed to `find`
    begin: Callable[[Run], int] = begin_with_nothing
    # called before the machine's log is read: makes the kernel check itself and log what is wrong; its
    # commands are run by the guest's shell itself, which they leave as it was
    provoke: Callable[[Run], None] = provoke_nothing
    # regular expression for the kernel's line that announces the results of `find`, which may be of any test
    announces: str = ""
    # called after the log was read: returns the lines of reports that are not in it
    find: Callable[[Run, int], tuple[Record, ...]] = find_nothing
