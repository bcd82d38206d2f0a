"""Taints of the kernel, and which reports in its log account for them.

Owns the table from one to the other. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from rustbed.log.splat import KILLING, Kind, Splat

# the kinds under which the log has what sets a taint (calls of add_taint() in 7.3)
EXPLAINS: Mapping[str, frozenset[Kind]] = {
    "machine check": frozenset({Kind.PANIC, Kind.OOPS, Kind.BUG_REPORT}),
    # bad_page(), print_bad_pte() and the reports of memory used against its rules
    "bad page": frozenset({Kind.BAD_PAGE, Kind.SLAB_CORRUPTION, Kind.KASAN, Kind.KFENCE, Kind.KMSAN}),
    "died": KILLING,
    # WARN(), also under a headline that comes first; older kernels warn of duplicate names so
    "warned": frozenset(
        {
            *(Kind.WARNING, Kind.REFCOUNT, Kind.LIST_CORRUPTION, Kind.DEBUG_OBJECTS, Kind.LOCKDEP),
            *(Kind.ATOMIC_SLEEP, Kind.BUG_REPORT, Kind.SLAB_CORRUPTION, Kind.DUPLICATE_NAME),
        }
    ),
    "soft lockup": frozenset({Kind.SOFT_LOCKUP}),
}

# what else a report that explains a taint must say in its title: most oopses are no fault of the hardware
# (names of arm64's are in arch/arm64/mm/fault.c)
_SAYS = {"machine check": re.compile("machine check|external abort|parity|SError", re.IGNORECASE)}


def find_unexplained(taints: Collection[str], splats: Collection[Splat]) -> Iterator[Splat]:
    """Yield a splat without records for every new taint that none of the splats in the log accounts for.

    `taints` are named as new_taints() names them.
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
