"""Selects which frame of the blamed function counts.

A function may occur in a report several times: where a lock was taken, in the history of a piece of
memory, and where it failed. Owns the order of these. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from rustbed.log.formats.row import Blames, Kind, Row
from rustbed.log.frame import match_counter, match_frame
from rustbed.log.traces import RELEASED, TAKEN, Trace, parse_traces

# the history of a corrupt piece of memory has the culprit: the code that frees, gets or checks it next only
# finds the damage. Poison is in freed memory, a redzone and padding are around allocated memory
_OWNED = (
    (Kind.BAD_PAGE, "Bad page", "page last allocated"),
    (Kind.SLAB_CORRUPTION, "Poison overwritten", "Freed in"),
    (Kind.SLAB_CORRUPTION, "edzone overwritten", "Allocated in"),
    (Kind.SLAB_CORRUPTION, "adding overwritten", "Allocated in"),
)
# title of the stack that is read first, of the locks in a report
IN_INTERRUPTS = "irq-safe at:"


def is_of_owner(row: Row, headline: str, trace: Trace) -> bool:
    """Whether a stack shows who used the corrupt memory of a report, so that its finder is not to blame."""
    return any(row.kind is kind and said in headline and title in trace.title for kind, said, title in _OWNED)


def order_lines(row: Row, lines: Sequence[str]) -> list[int]:
    """Return the numbers of a report's lines, those with the most likely frames first.

    `lines` begin with the headline, as the kernel printed it.
    """
    traces = [Trace(is_main=True)]
    ranks = []
    for line in lines:
        parse_traces((line,), traces)
        ranks.append(_rank(row, lines[0], line, traces[-1]))
    return sorted(range(len(lines)), key=ranks.__getitem__)


def _rank(row: Row, headline: str, line: str, trace: Trace) -> int:
    is_frame = match_frame(line) is not None
    if row.blames is Blames.LOCK:
        if is_frame and IN_INTERRUPTS in trace.title:
            return 0
        if TAKEN.match(line) or RELEASED.match(line):
            return 1
    if line is headline or is_of_owner(row, headline, trace):
        return 2
    return 3 if (is_frame and trace.is_main) or match_counter(line) else 4
