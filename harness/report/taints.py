"""Taints of the kernel, and the reports in its log that explain them.

Owns the table of explanations. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from rustbed.log.splat import KILLING, Kind, Splat

# kinds of reports that set a taint (calls of add_taint() in 7.3)
EXPLAINS: Mapping[str, frozenset[Kind]] = {
    "machine check": frozenset({Kind.PANIC, Kind.OOPS, Kind.BUG_REPORT}),
    # bad_page(), print_bad_pte() and reports of illegal uses of memory
    "bad page": frozenset({Kind.BAD_PAGE, Kind.SLAB_CORRUPTION, Kind.KASAN, Kind.KFENCE, Kind.KMSAN}),
    "died": KILLING,
    # WARN(), also below another headline; older kernels use it to report duplicate names
    "warned": frozenset(
        {
            *(Kind.WARNING, Kind.REFCOUNT, Kind.LIST_CORRUPTION, Kind.DEBUG_OBJECTS, Kind.LOCKDEP),
            *(Kind.ATOMIC_SLEEP, Kind.BUG_REPORT, Kind.SLAB_CORRUPTION, Kind.DUPLICATE_NAME),
        }
    ),
    "soft lockup": frozenset({Kind.SOFT_LOCKUP}),
}

# a pattern for the title of a report that explains a taint, because most oopses are not hardware faults
# (arm64's names are in arch/arm64/mm/fault.c)
_SAYS = {"machine check": re.compile("machine check|external abort|parity|SError", re.IGNORECASE)}


def find_unexplained(taints: Collection[str], splats: Collection[Splat]) -> Iterator[Splat]:
    """Yield a splat without records for every new taint that no splat in the log explains.

    `taints` are names of new_taints().
    """
    for taint in taints:
        if not any(_explains(splat, taint) for splat in splats):
            yield Splat(
                kind=Kind.TAINT, title=f"new taint: {taint}", function="", fatal=False, first=0, last=-1
            )


def _explains(splat: Splat, taint: str) -> bool:
    if taint == "died" and splat.fatal:
        return True
    says = _SAYS.get(taint)
    return splat.kind in EXPLAINS[taint] and (says is None or says.search(splat.title) is not None)
