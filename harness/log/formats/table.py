"""The table of splat formats, and values derived from its rows.

A pattern matches text of the kernel's source, so that a row can be traced to a printk. The
first row that matches counts: narrow ones stand above wide ones.
"""

from __future__ import annotations

import re

from rustbed.log.formats.faults import FAULTS
from rustbed.log.formats.locks import LOCKS
from rustbed.log.formats.objects import OBJECTS
from rustbed.log.formats.panics import PANICS, RUST_PANICS
from rustbed.log.formats.row import RULE
from rustbed.log.formats.sanitizers import SANITIZERS
from rustbed.log.formats.stalls import STALLS
from rustbed.log.formats.warnings import BUGS, WARNINGS

ROWS = (*RUST_PANICS, *SANITIZERS, *LOCKS, *STALLS, *OBJECTS, *WARNINGS, *FAULTS, *PANICS, *BUGS)

# the first words of a kernel, which are an unexpected reboot if another one has run before
BANNER = "Linux version "

_literals = {BANNER, *(literal for row in ROWS for literal in row.literals)}
# one of these is in every first line of a splat; as few as
# possible, because a whole log is searched for each
LITERALS = tuple(
    sorted(literal for literal in _literals if not any(other in literal for other in _literals - {literal}))
)

# splats after which the task that caused them does not go on
KILLING = frozenset(row.kind for row in ROWS if row.ends_task)

# beginnings of lines that belong to a splat if they come directly before its first line
PREAMBLES = ("-", "=", "8<")
PREAMBLE = re.compile(rf"-+\[ cut here \]-+|8<--- cut here ---|{RULE}")
