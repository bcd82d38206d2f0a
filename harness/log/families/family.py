"""Functions that a report names although they are not at fault.

Owns how a name is compared with the tables: it belongs to a family if a pattern matches all of it, without
leading underscores and suffixes of compilers (`.isra.0`, `.cold`).
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from rustbed.log.families import reporting, services
from rustbed.log.families.places import is_leaf, roles_of


class Family:
    """A set of functions, by name: `"kmalloc" in ALLOCATES`.

    Its tables are compiled when the first name is looked up. That takes a
    large part of the start of a session, and most sessions look up none.
    """

    def __init__(self, *tables: tuple[str, ...], places: tuple[str, ...] = ()) -> None:
        self.reasons = tuple(reason for table in tables for reason in table)
        self.places = frozenset(places)
        # many stacks have the same functions
        self._holds = lru_cache(4096)(self._look)

    def matches(self, name: str) -> bool:
        """Whether a name belongs to the family, by name alone."""
        return self._pattern.fullmatch(name) is not None

    def holds(self, name: str, file: str = "") -> bool:
        """Whether a function belongs to the family; `file` is its file in this kernel, "" if unknown."""
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

# functions that report, and those that lead to a report after an exception
REPORTING = Family(_REPORTING, places=_REPORT)
MACHINERY = Family(_MACHINERY, places=_MACHINE)
PLUMBING = Family(_MACHINERY, _SERVICES, _WAITING, places=(*_MACHINE, "services", *_WAIT))
# those of them that only wait, or let other tasks run
WAITING = Family(services.WAITING, places=("waiting",))
# functions that stay plumbing even if a dispatcher entered them; other services are to blame then
ENTERED = Family(_MACHINERY, _SERVICES, _WAITING, places=(*_MACHINE, *_WAIT))
# those of them that detect failures themselves
CHECKS = Family(reporting.CHECKING, places=("checking",))
# functions whose callees are steps of them, whatever their names
SEALED = Family(reporting.CHECKING, services.SEALED, services.LOCKS, places=("checking", "locks"))
# a WARN() in one of these is about its caller; one in a lock or the scheduler is about these themselves
WARNS_OF_CALLERS = Family(_MACHINERY, _SERVICES, places=(*_MACHINE, "services"))
ALLOCATES = Family(services.ALLOCATES, places=("allocates",))

# written in assembly, or calling nothing, without a frame: the stack's first frame is not that of the caller
FRAMELESS = re.compile(
    r"_?_?mem(?:cpy|set|move)\w*|(?:clear|copy)_page\w*|rep_\w+|_?_?(?:arch_)?(?:copy_(?:from|to)|clear)_user\w*"
    r"|__asan_(?:load|store)\w+"
)

# one operation under its former and internal names; names of system calls without their wrappers
ALIASES = (
    # arm's second names, for device memory
    (re.compile(r"mmio(set|cpy)"), r"mem\1"),
    # arm64's second names of functions that run before the kernel is relocated
    (re.compile(r"__pi_(\w+)"), r"\1"),
    (re.compile(r"_?_?synchronize_(?:sched|s?rcu)\w*|__wait_rcu_gp"), "synchronize_rcu"),
    (re.compile(r"smp_call_function\w*|_?on_each_cpu\w*"), "smp_call_function"),
    (re.compile(r"(?:__(?:do|se)_(?:compat_)?sys|(?:compat_)?SyS|(?:C_)?SYSC|sys)_(\w+)"), r"\1"),
    (re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|powerpc)_(?:compat_)?)sys_(\w+)"), r"sys_\1"),
)
