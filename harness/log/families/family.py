"""Functions that a report names though the mistake is not theirs.

Owns how a name is compared with the tables: it is of a family when a pattern matches all of it, whatever
underscores it begins with, and without what compilers put behind it (`.isra.0`, `.cold`).
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from rustbed.log.families import reporting, services


class Family:
    """Functions of which a name is one: `"kmalloc" in ALLOCATES`.

    Its tables of reasons are compiled when the first name is asked about. That takes a
    good part of the time in which a session starts, and most sessions ask about none.
    """

    def __init__(self, *tables: tuple[str, ...]) -> None:
        self._reasons = [reason for table in tables for reason in table]
        # the same functions stand in many stacks
        self._holds = lru_cache(4096)(lambda name: self._pattern.fullmatch(name) is not None)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("_*(?:" + "|".join(f"(?:{reason})" for reason in self._reasons) + ")", re.VERBOSE)

    def __contains__(self, name: str) -> bool:
        return self._holds(name)


_REPORTING = (*reporting.REPORTING, *reporting.CHECKING)
_MACHINERY = (*_REPORTING, *reporting.EXCEPTIONS)
_SERVICES = (*services.SEALED, *services.SERVICES)
_WAITING = (*services.LOCKS, *services.WAITING)

# who reports; and who may do so because the processor met something
REPORTING = Family(_REPORTING)
MACHINERY = Family(_MACHINERY)
PLUMBING = Family(_MACHINERY, _SERVICES, _WAITING)
# what one of these has called is a part of it, whatever its name
SEALED = Family(reporting.CHECKING, services.SEALED, services.LOCKS)
# what a WARN() in it says is about its caller; one in a lock or the scheduler is about these
WARNS_OF_CALLERS = Family(_MACHINERY, _SERVICES)
ALLOCATES = Family(services.ALLOCATES)

# written in assembly, without a frame of its own: the stack's first frame is not of its caller
FRAMELESS = re.compile(
    r"_?_?mem(?:cpy|set|move)\w*|(?:clear|copy)_page\w*|rep_\w+|_?_?(?:arch_)?(?:copy_(?:from|to)|clear)_user\w*"
)

# one operation under the names it had, or has inside; the names of system calls without their wrappers
ALIASES = (
    # arm64's second name of what may run before the kernel is where it will be
    (re.compile(r"__pi_(\w+)"), r"\1"),
    (re.compile(r"_?_?synchronize_(?:sched|s?rcu)\w*|__wait_rcu_gp"), "synchronize_rcu"),
    (re.compile(r"smp_call_function\w*|_?on_each_cpu\w*"), "smp_call_function"),
    (re.compile(r"(?:__(?:do|se)_(?:compat_)?sys|(?:compat_)?SyS|(?:C_)?SYSC|sys)_(\w+)"), r"\1"),
    (re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|powerpc)_(?:compat_)?)sys_(\w+)"), r"sys_\1"),
)
