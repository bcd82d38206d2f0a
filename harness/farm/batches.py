"""Tests to batches: which tests a worker gets together, and what they need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# usual length of a batch in seconds: each batch starts a pytest and loads a template
BATCH_S = 5.0
# shortest length, when few tests are left, and longest, when many are: docs/decisions/0046
_SHORTEST_S, LONGEST_S = 1.0, 20.0
# assumed length of a test in seconds until one has ended
_UNSEEN_S = 0.5

# amounts of what workers have, by name
Needs = Mapping[str, float]
# names of what a test may need
MEMORY = "memory_mib"
ARCH, KVM = "arch ", "kvm "


@dataclass(frozen=True, kw_only=True)
class PlannedTest:
    """A test to be run by some worker."""

    # pytest's id
    id: str
    # equal for tests that share a template
    machine: str = ""
    # equal for tests that one of them runs for all, such as the cases of a suite; "" for a test by itself
    shared: str = ""
    # "" for a test without machines
    arch: str = ""
    # of its machine and QEMU
    memory_mib: int = 0
    # whether its machine must run under KVM
    kvm: bool = False
    # programs whose version must be the session's
    software: tuple[str, ...] = ()

    @property
    def needs(self) -> dict[str, float]:
        """What a worker must have."""
        names = [*self.software]
        names += [f"{ARCH}{self.arch}"] if self.arch else []
        names += [f"{KVM}{self.arch}"] if self.kvm else []
        needs = dict.fromkeys(names, 1.0)
        return {**needs, MEMORY: float(self.memory_mib)} if self.memory_mib else needs


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A test that waits for a worker."""

    test: PlannedTest
    # attempts that ended without its result, and those that no worker began
    losses: int = 0
    unbegun: int = 0
    # whether the last of these ended while the test ran: it may be the cause, and runs alone
    suspect: bool = False


def batch_seconds(waiting: Iterable[Waiting], times: Mapping[str, float], *, idle: int, slots: int) -> float:
    """Return how long the batches of workers that are idle now should last, in seconds.

    `times` has seconds by test id, of earlier sessions or of this one. The tests are divided among the
    workers in whole batches, so that the last ones end together and none is a small rest. As long as many
    tests are left, a batch is half of a worker's part of them, if it is known how long tests take.
    """
    usual = _usual(times)
    left = sum(times.get(each.test.id, usual) for each in waiting)
    # some of the busy workers will be free before the others
    share = left / max(idle, slots / 2, 1)
    half = left / max(slots, 1) / 2 if times else 0.0
    return max(_SHORTEST_S, share / max(1, round(share / BATCH_S)), min(half, LONGEST_S))


def take_batch(waiting: Sequence[Waiting], times: Mapping[str, float], seconds: float) -> list[Waiting]:
    """Return the waiting tests for the next idle worker: at least one.

    They take about so many seconds, and share the machine of the first. Only if there are too few of those,
    tests with other machines follow that need the same of a worker. Tests that one of them runs for all go
    together, however many they are.
    """
    first = waiting[0]
    if first.suspect:
        return [first]
    usual, is_open = _usual(times), True
    batch: list[Waiting] = []
    filled, begun = 0.0, set[tuple[str, str]]()
    for each in _by_machine(waiting, first.test):
        lasts, suite = times.get(each.test.id, usual), (each.test.machine, each.test.shared)
        is_open = not batch or (is_open and filled + lasts / 2 <= seconds)
        if is_open:
            filled += lasts
            begun |= {suite} if each.test.shared else set()
        elif not begun:
            break
        elif suite not in begun:
            continue
        batch.append(each)
    return batch


def _by_machine(waiting: Sequence[Waiting], first: PlannedTest) -> Iterator[Waiting]:
    """Yield the tests that may follow a test on its worker, machine by machine, its own machine first."""
    others: dict[str, list[Waiting]] = {}
    for each in waiting:
        test = each.test
        if each.suspect or (test.arch, test.kvm, test.software) != (first.arch, first.kvm, first.software):
            continue
        if test.machine == first.machine:
            yield each
        else:
            others.setdefault(test.machine, []).append(each)
    for tests in others.values():
        yield from tests


def _usual(times: Mapping[str, float]) -> float:
    """Return the mean of known times; a median would ignore long tests."""
    return max(1e-3, sum(times.values()) / len(times)) if times else _UNSEEN_S


def needs_of(batch: Iterable[Waiting]) -> dict[str, float]:
    """Return what a worker must have for all tests of a batch, which run one after the other."""
    needs: dict[str, float] = {}
    for each in batch:
        for name, amount in each.test.needs.items():
            needs[name] = max(amount, needs.get(name, 0.0))
    return needs


def find_missing(needs: Needs, workers: Iterable[Needs]) -> str:
    """Return what no worker has, in words; "" if one of them has everything."""
    having = list(workers)
    if any(all(each.get(name, 0) >= amount for name, amount in needs.items()) for each in having):
        return ""
    if not having:
        return "no worker is connected"
    for name, amount in needs.items():
        most = max(each.get(name, 0) for each in having)
        if most < amount:
            return _name_missing(name, amount, most) + _name_others(name, having)
    return f"no worker has all of {', '.join(sorted(needs))}"


def _name_others(name: str, having: Iterable[Needs]) -> str:
    """Return which versions of a program workers have instead."""
    if name == MEMORY or name.startswith((ARCH, KVM)):
        return ""
    program = name.partition(" ")[0]
    others = {other for each in having for other in each if other.partition(" ")[0] == program}
    return f": they have {', '.join(sorted(others))}" if others else ""


def _name_missing(name: str, amount: float, most: float) -> str:
    if name == MEMORY:
        return f"no worker has {amount:.0f} MiB of memory: the largest has {most:.0f} MiB"
    if name.startswith(KVM):
        return f"no worker has shown by a boot that KVM works for {name.removeprefix(KVM)}"
    return f"no worker has {'the architecture ' * name.startswith(ARCH)}{name.removeprefix(ARCH)}"
