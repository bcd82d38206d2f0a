"""Functions that a report names though the mistake is not theirs.

Owns how a name is compared with the tables: it is of a family when a pattern matches all of it, whatever
underscores it begins with, and without what compilers put behind it (`.isra.0`, `.cold`).
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from rustbed.log.families import reporting, services
from rustbed.log.families.places import is_leaf, roles_of


class Family:
    """Functions of which a name is one: `"kmalloc" in ALLOCATES`.

    Its tables of reasons are compiled when the first name is asked about. That takes a
    good part of the time in which a session starts, and most sessions ask about none.
    """

    def __init__(self, *tables: tuple[str, ...], places: tuple[str, ...] = ()) -> None:
        self.reasons = tuple(reason for table in tables for reason in table)
        self.places = frozenset(places)
        # the same functions stand in many stacks
        self._holds = lru_cache(4096)(self._look)

    def matches(self, name: str) -> bool:
        """Whether a name is of the family, whatever file the function comes from."""
        return self._pattern.fullmatch(name) is not None

    def holds(self, name: str, file: str = "") -> bool:
        """Whether a function is of the family; `file` is where the kernel at hand has it, "" if unknown."""
        if not file:
            return self._holds(name)
        is_there = not self.places.isdisjoint(roles_of(name, file))
        return is_there or (not is_leaf(file) and self.matches(name))

    def _look(self, name: str) -> bool:
        return self.matches(name) or not self.places.isdisjoint(roles_of(name))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("_*(?:" + "|".join(f"(?:{reason})" for reason in self.reasons) + ")", re.VERBOSE)

    def __contains__(self, name: str) -> bool:
        return self._holds(name)


_REPORTING = (*reporting.REPORTING, *reporting.CHECKING)
_MACHINERY = (*_REPORTING, *reporting.EXCEPTIONS)
_SERVICES = (*services.SEALED, *services.SERVICES)
_WAITING = (*services.LOCKS, *services.WAITING)

_REPORT = ("reporting", "checking")
_MACHINE = (*_REPORT, "exceptions")
_WAIT = ("locks", "waiting")

# who reports; and who may do so because the processor met something
REPORTING = Family(_REPORTING, places=_REPORT)
MACHINERY = Family(_MACHINERY, places=_MACHINE)
PLUMBING = Family(_MACHINERY, _SERVICES, _WAITING, places=(*_MACHINE, "services", *_WAIT))
# of them those that only wait, or let others run
WAITING = Family(services.WAITING, places=("waiting",))
# functions that stay plumbing if a dispatcher entered them; other services have no caller then
ENTERED = Family(_MACHINERY, _SERVICES, _WAITING, places=(*_MACHINE, *_WAIT))
# what one of these has called is a part of it, whatever its name
SEALED = Family(reporting.CHECKING, services.SEALED, services.LOCKS, places=("checking", "locks"))
# what a WARN() in it says is about its caller; one in a lock or the scheduler is about these
WARNS_OF_CALLERS = Family(_MACHINERY, _SERVICES, places=(*_MACHINE, "services"))
ALLOCATES = Family(services.ALLOCATES, places=("allocates",))

# written in assembly, without a frame of its own: the stack's first frame is not of its caller
FRAMELESS = re.compile(
    r"_?_?mem(?:cpy|set|move)\w*|(?:clear|copy)_page\w*|rep_\w+|_?_?(?:arch_)?(?:copy_(?:from|to)|clear)_user\w*"
)

# one operation under the names it had, or has inside; the names of system calls without their wrappers
ALIASES = (
    # arm's second names, for memory of devices
    (re.compile(r"mmio(set|cpy)"), r"mem\1"),
    # arm64's second name of what may run before the kernel is where it will be
    (re.compile(r"__pi_(\w+)"), r"\1"),
    (re.compile(r"_?_?synchronize_(?:sched|s?rcu)\w*|__wait_rcu_gp"), "synchronize_rcu"),
    (re.compile(r"smp_call_function\w*|_?on_each_cpu\w*"), "smp_call_function"),
    (re.compile(r"(?:__(?:do|se)_(?:compat_)?sys|(?:compat_)?SyS|(?:C_)?SYSC|sys)_(\w+)"), r"\1"),
    (re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|powerpc)_(?:compat_)?)sys_(\w+)"), r"sys_\1"),
)
