"""What an instrument is: it watches a machine for something that the kernel log alone does not show.

Owns what every instrument has to answer. Which of them watch a test, harness/instruments/table.py says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rustbed.guest.shell import Answer
from rustbed.log.record import Record
from rustbed.log.splat import Kind

# runs a command in the guest, for so many seconds at most; see `Vm.run`
Run = Callable[[str, float | None], Answer]


def begin_with_nothing(run: Run) -> int:
    """Begin an instrument that needs to know nothing of what was before."""
    return 0


def provoke_nothing(run: Run) -> None:
    """End an instrument that the kernel speaks for by itself."""


def find_nothing(run: Run, since: int) -> tuple[Record, ...]:
    """Find nothing besides what the kernel log has."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One instrument. Its functions raise CommandError when it cannot look, and MachineError."""

    # as failure texts and the marker name it
    name: str
    # of what it reports, also that it could not look
    kind: Kind
    # options that the kernel must have been built with
    options: tuple[str, ...]
    # options of the kernel with which another detector sees all that this one does
    superseded_by: tuple[str, ...] = ()
    # whether it watches every test; otherwise the marker of its name asks for it
    is_default: bool = False
    # words for the kernel's command line; those that a test asks for come behind them
    cmdline: tuple[str, ...] = ()
    # when judgement of a machine begins; what it returns is handed to `find`
    begin: Callable[[Run], int] = begin_with_nothing
    # before the machine's log is taken: makes the kernel check itself, and say in its log what is wrong
    provoke: Callable[[Run], None] = provoke_nothing
    # a regular expression: the kernel's line that says that `find` found something, of whichever test
    announces: str = ""
    # after the log was taken: the lines of reports that are not in it
    find: Callable[[Run, int], tuple[Record, ...]] = find_nothing
