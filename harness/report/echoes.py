"""Splats that are only a consequence of an earlier one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rustbed.log.splat import Kind, Splat

# mm/slub.c of 7.3 gives up a corrupt slab, and reports that for every object of it that is freed
_GIVEN_UP = "Slab disabled since SLUB metadata consistency check failed"

# kinds of reports that follow from the death of a task, which leaves locks, counts and waiting tasks behind
CONSEQUENCES = frozenset(
    {
        *(Kind.WARNING, Kind.BUG_REPORT, Kind.LOCKDEP, Kind.ATOMIC_SLEEP, Kind.RCU_STALL, Kind.HUNG_TASK),
        *(Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.WORKQUEUE_LOCKUP, Kind.LEAK),
    }
)


def drop_echoes(splats: Iterable[Splat]) -> Iterator[Splat]:
    """Yield the splats of a machine in their order, without reports that a corrupt slab was given up."""
    is_corrupt = False
    for splat in splats:
        if not (is_corrupt and _GIVEN_UP in splat.title):
            yield splat
        is_corrupt = is_corrupt or splat.kind is Kind.SLAB_CORRUPTION
