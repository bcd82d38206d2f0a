"""A walk through the faults of a test's devices: the test is repeated with one fault at a time.

The test's own code creates the devices, anywhere, so they get their fault by a context
variable of the thread that runs the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.plan import Plan
from rustbed.errors import UsageError, WaitError

T = TypeVar("T")

# seconds without an event after which a driver that met its fault counts as waiting in vain, or as done
QUIET_S = 0.3


class Faulty(Protocol):
    """A device of any bus, as a walk needs it."""

    fault: Fault | None

    @property
    def fault_happened(self) -> bool:
        """Whether the driver has made the access at which the device's fault happens."""

    @property
    def idle_s(self) -> float:
        """Seconds since anything happened."""

    def plan(self) -> Plan:
        """Return the faults that are possible in the events so far."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One run of the test: a fault of one of its devices."""

    fault: Fault
    # number of the device, from 1, in the order in which devices are served
    device: int = 1

    @property
    def name(self) -> str:
        """The step's name in command lines and test ids: gone@3, or 2.gone@3 for the second device."""
        return ("" if self.device == 1 else f"{self.device}.") + self.fault.name


@dataclass(eq=False)
class Walk:
    """One run of a test, with the devices that it has served."""

    # None: a run without a fault
    step: Step | None = None
    devices: list[Faulty] = field(default_factory=list)

    def serve(self, device: Faulty) -> None:
        """Note a device, and give it the fault if it is the step's. Raises UsageError if it has another."""
        if device in self.devices:
            return
        if device.fault is not None:
            raise UsageError(f"{type(device).__name__} has a fault already: {device.fault}")
        self.devices.append(device)
        if self.step is not None and self.step.device == len(self.devices):
            device.fault = self.step.fault

    @property
    def faulty(self) -> Faulty | None:
        """The device that has the fault, None if it was not served."""
        number = self.step.device if self.step else 0
        return self.devices[number - 1] if 0 < number <= len(self.devices) else None

    @property
    def happened(self) -> bool:
        """Whether the fault happened."""
        return self.faulty is not None and self.faulty.fault_happened

    def is_quiet(self, quiet_s: float) -> bool:
        """Whether the fault happened and no device has had an event for so many seconds."""
        return self.happened and all(device.idle_s > quiet_s for device in self.devices)


_current: ContextVar[Walk | None] = ContextVar("walk", default=None)


@contextmanager
def walking(step: Step | None) -> Iterator[Walk]:
    """Yield a walk that notes the devices that this thread serves during the context."""
    walk = Walk(step=step)
    token = _current.set(walk)
    try:
        yield walk
    finally:
        _current.reset(token)


def current() -> Walk | None:
    """Return the current run with a fault, None if there is none."""
    walk = _current.get()
    return walk if walk is not None and walk.step is not None else None


def is_under_way() -> bool:
    """Whether this is a run with a fault."""
    return current() is not None


def serve(device: Faulty) -> None:
    """Note that a device is served."""
    if (walk := _current.get()) is not None:
        walk.serve(device)


def until_quiet(condition: Callable[[], T], what: str, slowness: float) -> Callable[[], T]:
    """Return a condition that raises WaitError once a fault has happened and the driver has become quiet.

    So a wait for something that the fault prevents ends early. Outside of a run with a fault the condition
    is returned unchanged.
    """
    walk = current()
    if walk is None:
        return condition

    def ask() -> T:
        is_quiet = walk.is_quiet(QUIET_S * slowness)
        if not (value := condition()) and is_quiet:
            raise WaitError(f"waiting for {what}: the device failed, and the driver is idle")
        return value

    return ask


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps that follow a good run."""

    steps: tuple[Step, ...]
    # how many devices were served
    devices: int
    # accesses in the good run, and those among them whose faults other steps cover
    accesses: int
    repeated: int


def plan_steps(devices: Sequence[Faulty], only: Sequence[str]) -> Steps:
    """Return the steps after a good run in which these devices were served.

    `only` names kinds of faults, or steps; empty means all. A named step is done even if it was not planned.
    """
    plans = [device.plan() for device in devices]
    found = [
        Step(fault=fault, device=number)
        for number, plan in enumerate(plans, start=1)
        for fault in plan.faults
    ]
    steps = [step for step in found if not only or step.fault.kind in only]
    steps += [step for step in map(parse_step, only) if step is not None]
    return Steps(
        steps=tuple(steps),
        devices=len(devices),
        accesses=_total(plans, "accesses"),
        repeated=_total(plans, "repeated"),
    )


def _total(plans: Sequence[Plan], name: str) -> int:
    return sum(int(getattr(plan, name)) for plan in plans)


_STEP = re.compile(r"(?:([1-9]\d*)\.)?([a-z-]+)(?:@([1-9]\d*))?")


def parse_step(name: str) -> Step | None:
    """Return the step of a name; None for a kind of fault that needs an access.

    Raises UsageError for any other name.
    """
    match = _STEP.fullmatch(name)
    if match is None or match[2] not in {str(kind) for kind in FaultKind}:
        raise UsageError(
            f"there is no fault {name!r}",
            choices=", ".join(FaultKind),
            wanted="a kind, or a kind at an access of a device: gone, gone@3, 2.gone@3",
        )
    if match[3] is None and match[1] is None:
        return None
    fault = Fault(kind=FaultKind(match[2]), at=int(match[3] or 1))
    return Step(fault=fault, device=int(match[1] or 1))
