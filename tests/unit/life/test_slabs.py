"""Which slab caches grow with the cycles, in a guest whose counts are given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from rustbed.errors import LifeError
from rustbed.life.slabs import find_growth, find_leaks, parse_slabs, require_no_growth

CYCLES = 20
SLABS = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>
kmalloc-96        1234   1344     96   42    1 : tunables    0    0    0 : slabdata     32     32      0
dentry             900    950    192   21    1 : tunables    0    0    0 : slabdata     45     45      0
"""


@dataclass
class Leaking:
    """A cache. Each round of cycles allocates; it and each pause free what was deferred."""

    # objects of each round of cycles: those that stay, and those that are freed later
    stay: list[int]
    later: list[int] = field(default_factory=list)
    deferred: int = 0
    stayed: int = 1000

    def count(self, caches: Collection[str]) -> dict[str, int]:
        counts = {"kmalloc-8": 10, "kmalloc-96": self.stayed + self.deferred}
        return {name: counts[name] for name in caches or counts}

    def work(self) -> None:
        self.stayed += self.stay.pop(0)
        self.deferred = self.later.pop(0) if self.later else 0

    def pause(self) -> None:
        self.deferred = 0


def leaks(guest: Leaking) -> dict[str, int]:
    """Return the caches that grow, and require that each round that was given has run."""
    grown = find_leaks(guest.count, guest.work, guest.pause, CYCLES)
    assert not guest.stay
    return grown


def test_leak_of_each_cycle_is_found() -> None:
    assert leaks(Leaking(stay=[CYCLES, CYCLES])) == {"kmalloc-96": CYCLES}


def test_quiet_driver_takes_one_round() -> None:
    assert leaks(Leaking(stay=[CYCLES // 5])) == {}


def test_what_is_allocated_once_is_no_leak() -> None:
    assert leaks(Leaking(stay=[4 * CYCLES, 1])) == {}


def test_what_is_freed_later_is_no_leak() -> None:
    assert leaks(Leaking(stay=[0], later=[4 * CYCLES])) == {}


def test_what_was_deferred_before_hides_no_leak() -> None:
    assert leaks(Leaking(stay=[CYCLES, CYCLES], deferred=CYCLES // 2)) == {"kmalloc-96": CYCLES}


def test_what_was_deferred_before_and_is_more_than_the_leak_hides_none() -> None:
    guest = Leaking(stay=[CYCLES] * 3, deferred=6 * CYCLES)
    assert leaks(guest) == {"kmalloc-96": CYCLES}


def test_cache_that_always_falls_is_no_leak_and_ends() -> None:
    assert leaks(Leaking(stay=[-CYCLES] * 4)) == {}


def test_what_is_freed_later_hides_no_leak() -> None:
    guest = Leaking(stay=[CYCLES, CYCLES], later=[CYCLES, CYCLES])
    assert leaks(guest) == {"kmalloc-96": CYCLES}


def test_a_cache_that_grows_with_the_cycles_is_a_leak() -> None:
    before = parse_slabs(SLABS)
    assert before == {"kmalloc-96": 1234}
    grown = find_growth(before, {"kmalloc-96": 1334, "kmalloc-32": 99}, 100)
    assert grown == {"kmalloc-96": 100}
    with pytest.raises(LifeError, match="100 objects more in kmalloc-96 after 100 cycles"):
        require_no_growth(grown, 100)
    require_no_growth({}, 100)
