"""Selects the lines of the kernel log that an error shows beside a command's output. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rustbed.log.record import Record
from rustbed.log.registers import without_state
from rustbed.log.splat import find_splats

# number of quoted records, and of the last records that are searched for a splat
_QUOTED, _LOOKED_AT = 5, 500


def quote(records: Sequence[Record]) -> str:
    """Return the last lines of a log; if these are the end of a splat, the splat's first lines.

    A splat ends with registers, which do not show the cause.
    """
    looked_at = records[-_LOOKED_AT:]
    splats = find_splats(looked_at)
    if splats and splats[-1].last >= len(looked_at) - _QUOTED:
        quoted = without_state(looked_at[splats[-1].first :])[:_QUOTED]
    else:
        quoted = list(looked_at[-_QUOTED:])
    return "\n".join(record.text for record in quoted)
