"""The base class for GPIO controllers: an author's lines, and what drives them. Knows no machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, overload

from rustbed.devices.callbacks import READ, WRITE, check_callbacks
from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.gpio.events import (
    Direction,
    GpioAccess,
    GpioEvent,
    GpioInterrupt,
    GpioRead,
    GpioSetup,
    GpioWrite,
    Trigger,
)
from rustbed.devices.injector import FromInjector, Injector
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.devices.vhost.happened import Happened
from rustbed.errors import UsageError

Self = TypeVar("Self", bound="GpioChip")
# most lines of a controller; the kernel allocates for each
_MOST = 1024
# how an access can fail
_KINDS = frozenset(
    (FaultKind.GONE, FaultKind.REFUSED, FaultKind.INVERTED, FaultKind.LOST_WRITE, FaultKind.LATE)
)
_LEVELS = {Trigger.HIGH: 1, Trigger.LOW: 0}
_EDGES = {Trigger.RISING: (1,), Trigger.FALLING: (0,), Trigger.BOTH: (0, 1)}


class GpioLine:
    """A line of a controller; on an object the attribute is its level: 0 or 1."""

    def __init__(self, number: int, *, level: int = 0) -> None:
        # place in the controller, from 0
        self.number = number
        # after power-on
        self.level = level
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, chip: None, kind: type) -> GpioLine: ...
    @overload
    def __get__(self, chip: GpioChip, kind: type) -> int: ...
    def __get__(self, chip: GpioChip | None, kind: type) -> GpioLine | int:
        return self if chip is None else chip.levels[self.number]

    def __set__(self, chip: GpioChip, level: int) -> None:
        if level not in (0, 1):
            raise UsageError(f"{self.name} is set to {level!r}", wanted="0 or 1")
        chip.drive(self.number, int(level))


class GpioChip:
    """A GPIO controller; an author's class derives from it and declares its lines.

    Methods `on_write_NAME` are called when the driver sets the line NAME; what `on_read_NAME` returns is its
    level. Setting an attribute drives a line from outside, from a test or a method, and makes its interrupt
    happen if the driver asked for that. Raises UsageError for a class with wrong declarations.
    """

    #: its fault, counted in the driver's accesses from now on; None: it works
    fault = FromInjector[Fault | None]()
    #: whether the driver has made the access at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since the last access
    idle_s = FromInjector[float]()

    _declared: Mapping[int, GpioLine] = {}

    happened: Happened[GpioEvent]
    faults: Injector
    #: level of each line, by number
    levels: dict[int, int]
    #: how the driver uses each line, by number
    directions: dict[int, Direction]
    triggers: dict[int, Trigger]
    # called when a line's interrupt may have to happen
    _notice: Callable[[int], None] | None
    # lines with an edge that the driver was not told of yet
    _edges: set[int]

    def __init_subclass__(cls) -> None:
        """Check what the class declares."""
        found = {name: value for kind in reversed(cls.__mro__) for name, value in vars(kind).items()}
        lines = [value for value in found.values() if isinstance(value, GpioLine)]
        cls._declared = {line.number: line for line in lines}
        if not lines or len(cls._declared) != len(lines):
            raise UsageError(f"{cls.__name__}: " + ("two lines have one number" if lines else "no line"))
        for line in lines:
            if line.number not in range(_MOST) or line.level not in (0, 1):
                raise UsageError(f"{cls.__name__}.{line.name}: numbers are 0 to {_MOST - 1}, levels 0 and 1")
        check_callbacks(cls.__name__, found, {line.name: True for line in lines}, noun="line")

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Create a controller; in __new__, so that an author's __init__ need not call super()."""
        self = super().__new__(cls)
        numbers = range(max(cls._declared, default=-1) + 1)
        self.levels = {
            number: cls._declared[number].level if number in cls._declared else 0 for number in numbers
        }
        self.happened = Happened()
        self.faults = Injector(kinds=_KINDS)
        self._notice = None
        self.reset()
        return self

    def drive(self, number: int, level: int) -> None:
        """Set a line's level from outside."""
        with self.happened.turn():
            is_edge = self.levels[number] != level
            self.levels[number] = level
            if is_edge and level in _EDGES.get(self.triggers[number], ()):
                self._edges.add(number)
            if self._notice is not None:
                self._notice(number)

    def plan(self) -> Plan:
        """Return the faults that are possible in the accesses so far."""
        return plan_accesses(
            (event, _kinds_of(event)) for event in self.happened.events if isinstance(event, GpioAccess)
        )

    @property
    def trace(self) -> list[GpioEvent]:
        """The events up to this moment, in order. Raises DeviceError if an author's code failed."""
        return self.happened.settled

    def forget(self) -> None:
        """Hide the events so far from `trace`."""
        self.happened.forget()

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function later, in the controller's thread. Raises UsageError if it is in no machine."""
        self.happened.after(seconds, call)

    # -- for the server ----------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The lines' names by number; "" for a line that is not declared."""
        return [self._named(number) for number in self.levels]

    def reset(self) -> None:
        """Forget what the driver has chosen, because it begins anew."""
        self.directions = dict.fromkeys(self.levels, Direction.NONE)
        self.triggers = dict.fromkeys(self.levels, Trigger.NONE)
        self._edges = set()

    def connect_lines(self, notice: Callable[[int], None] | None) -> None:
        """Say what is called when a line's interrupt may have to happen; None: nothing."""
        self._notice = notice

    def read(self, number: int, ask: Callable[..., object]) -> int | None:
        """Return a line's level; None if it is refused. `ask` runs an author's code."""
        callback = getattr(self, READ + self._named(number), None)
        is_taken = self.faults.takes()
        level = ask("a read", callback) if callback is not None and is_taken else self.levels[number]
        # an author's code that failed is an error of the test; the driver needs an answer all the same
        seen = self.faults.change(bytes([1 if level else 0]))[0] & 1
        self.happened.events.append(GpioRead(self._label(number), seen, not is_taken, self.happened.now))
        return seen if is_taken else None

    def write(self, number: int, level: int, ask: Callable[..., object]) -> bool:
        """Let the driver set a line and return whether it is accepted."""
        is_taken = self.faults.takes()
        self.happened.events.append(GpioWrite(self._label(number), level, not is_taken, self.happened.now))
        if is_taken and self.faults.change(bytes([level])):
            self.levels[number] = level
            callback = getattr(self, WRITE + self._named(number), None)
            if callback is not None:
                ask("a write", callback, level)
        return is_taken

    def choose(self, number: int, chosen: Direction | Trigger) -> bool:
        """Let the driver choose a line's direction or trigger, and return whether it is accepted."""
        is_taken = self.faults.takes()
        self.happened.events.append(GpioSetup(self._label(number), chosen, not is_taken, self.happened.now))
        if not is_taken:
            return False
        if isinstance(chosen, Direction):
            self.directions[number] = chosen
        else:
            self.triggers[number] = chosen
            # what happened under another trigger is not this one's
            self._edges.discard(number)
        return True

    def takes_interrupt(self, number: int) -> bool:
        """Whether the driver, which is ready for a line's interrupt, is told of one now."""
        is_due = _LEVELS.get(self.triggers[number]) == self.levels[number] or number in self._edges
        if is_due:
            self._edges.discard(number)
            self.happened.events.append(GpioInterrupt(self._label(number), self.happened.now))
        return is_due

    def _named(self, number: int) -> str:
        line = self._declared.get(number)
        return line.name if line else ""

    def _label(self, number: int) -> str:
        """Return a line's name in events: its number, if it is not declared."""
        return self._named(number) or str(number)


def _kinds_of(event: GpioAccess) -> Iterator[FaultKind]:
    """Yield the possible faults of an access; none if it was refused."""
    if event.refused:
        return
    yield from (FaultKind.GONE, FaultKind.REFUSED, FaultKind.LATE)
    if isinstance(event, GpioRead):
        yield FaultKind.INVERTED
    if isinstance(event, GpioWrite):
        yield FaultKind.LOST_WRITE
