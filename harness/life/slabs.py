"""How many objects of kmalloc's caches are in use, and which caches grow with what a driver repeats."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import TracebackType

from rustbed.errors import LifeError
from rustbed.guest.held import GuestFile
from rustbed.guest.shell import Guest

# looks, until the kernel has freed what kfree_rcu defers (KFREE_DRAIN_JIFFIES in mm/slab_common.c is 5 s)
_LOOKS = 14
# calls of the work at most: each of the first ones may have met what happened once
_ROUNDS = 4
# between two looks, by the guest's clock
_PAUSE = "sleep 0.5"
# other caches grow with the processes of each cycle, and with what the kernel keeps for later (vmap_area)
_CACHES = "cd /sys/kernel/slab && echo *kmalloc-*"
_SLAB = re.compile(r"((?:dma-)?kmalloc-\S+) +(\d+) +\d+ ")


class Slabs:
    """The slab caches of a guest; a context manager.

    Each CPU's store of free objects counts as in use, and is emptied before a count by a write to a file of
    sysfs. The files stay open, because the kernel frees what belongs to one seconds after it was closed: a
    count would find what the one before it left.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        # its process holds the caches' files, too
        self._held = GuestFile(guest, "/dev/null", "w")
        # by cache
        self._fds: dict[str, int] = {}

    def __enter__(self) -> Slabs:
        """Open the files; a cache that has none is counted as it is."""
        names = self._guest.run(_CACHES).output.split()
        self._held.__enter__()
        opened = self._held.steps([f"open:w:/sys/kernel/slab/{name}/shrink" for name in names])
        self._fds = {name: each.value for name, each in zip(names, opened, strict=True) if not each.errno}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""
        self._held.__exit__(kind, error, trace)

    def count(self, caches: Collection[str] = ()) -> dict[str, int]:
        """Return the number of objects in use of some caches, or of all; none if the kernel does not tell.

        A KASAN kernel takes some tenths of a second for each cache.
        """
        asked = [fd for name, fd in self._fds.items() if name in caches or not caches]
        self._held.steps([f"write:{fd}:31" for fd in asked])
        counts = parse_slabs(self._guest.run("cat /proc/slabinfo").output)
        return {name: count for name, count in counts.items() if name in caches or not caches}

    def find_leaks(self, work: Callable[[], None], cycles: int) -> dict[str, int]:
        """Return the caches that grow whenever `work`, which does something in cycles, is called."""
        return find_leaks(self.count, work, lambda: self._guest.check(_PAUSE), cycles)


def parse_slabs(text: str) -> dict[str, int]:
    """Read /proc/slabinfo: the second field is the number of objects in use."""
    return {match[1]: int(match[2]) for line in text.splitlines() if (match := _SLAB.match(line))}


def find_leaks(
    count: Callable[[Collection[str]], dict[str, int]],
    work: Callable[[], None],
    pause: Callable[[], object],
    cycles: int,
) -> dict[str, int]:
    """Return the caches that grow with two calls of `work` in turn, and by how much with the second.

    A leak is at least an object in four cycles. What is allocated once, by the driver or by others, may be as
    much: only a leak grows again. What was allocated before, and is freed meanwhile, may hide a leak: then a
    cache falls, and the call proves nothing.
    """
    least = cycles / 4
    before = count(())
    suspects: dict[str, int] = {}
    for _ in range(_ROUNDS):
        work()
        after = count(())
        grown = find_growth(before, after, least)
        for _ in range(_LOOKS):
            if not grown:
                break
            pause()
            after |= (now := count(grown))
            grown = find_growth(before, now, least)
        again = {name: gain for name, gain in grown.items() if name in suspects}
        if again or not (grown or find_growth(after, before, least)):
            return again
        before, suspects = after, grown
    return {}


def find_growth(before: Mapping[str, int], after: Mapping[str, int], least: float) -> dict[str, int]:
    """Return the caches that gained at least so many objects, with their gain."""
    more = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in more.items() if count >= least}


def require_no_growth(grown: Mapping[str, int], cycles: int) -> None:
    """Raise LifeError if a slab cache has grown with the cycles: each cycle leaks an object."""
    if grown:
        name, count = max(grown.items(), key=lambda each: each[1])
        caches = ", ".join(f"{name}: {count}" for name, count in sorted(grown.items()))
        raise LifeError(f"{count} objects more in {name} after {cycles} cycles", slab_caches=caches)
