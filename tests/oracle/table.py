"""The deliberately bad modules: how each is driven, and what must be seen of it on which kernel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.log.splat import Kind
from rustbed.report.verdict import Outcome
from tests.oracle.rows import Bad, Seen

MODULES = Path(__file__).parent / "modules"
# stands in a source behind the line to blame; at several lines where the processor may stop at any of them
MARK = "// blamed"

# until a command that never returns is given up; in seconds on real hardware
STUCK_S = 2.0


def _panic(title: str, function: str, needs: str = "") -> tuple[Seen, ...]:
    seen = Seen(needs=needs, kind=Kind.RUST_PANIC, title=title, function=function)
    # riscv counts a BUG() as an exception in an interrupt, of which the kernel dies
    return replace(seen, arch="riscv64", outcome=Outcome.CRASH), seen


def _kasan(what: str, function: str) -> Seen:
    return Seen(needs="CONFIG_KASAN", kind=Kind.KASAN, title=f"KASAN: {what}", function=function)


def _slab(what: str, function: str) -> Seen:
    return Seen(needs="CONFIG_SLUB_DEBUG", kind=Kind.SLAB_CORRUPTION, title=what, function=function)


def _deadlock(outcome: Outcome, function: str) -> Seen:
    return Seen(
        needs="CONFIG_PROVE_LOCKING",
        # lockdep turns itself off while it boots: docs/findings/powerpc-debug-checks-end-early.md
        not_on="powerpc64le",
        outcome=outcome,
        kind=Kind.LOCKDEP,
        title="possible deadlock",
        function=function,
    )


def _one_second(knob: str) -> str:
    """Return the command that lets a detector, where there is one, wait for a second only."""
    return f"[ ! -e /proc/sys/kernel/{knob} ] || echo 1 >/proc/sys/kernel/{knob}"


# a task that never comes back, of which the kernel says nothing
_SILENT_HANG = Seen(outcome=Outcome.HANG, kind=None)
_INIT_DOUBLE_FREE = "<{crate}::DoubleFree as kernel::module::Module>::init"
_INIT_OUT_OF_BOUNDS = "<{crate}::OutOfBoundsWrite as kernel::module::Module>::init"
_PAGING = "BUG: unable to handle kernel paging request"


def _bad_address(function: str, outcome: Outcome, on_powerpc: str) -> tuple[Seen, ...]:
    """Return the oops of a bad address; powerpc tells what was done there."""
    seen = Seen(outcome=outcome, kind=Kind.OOPS, title=_PAGING, function=function)
    return replace(seen, arch="powerpc64le", title=f"BUG: unable to handle kernel {on_powerpc}"), seen


BAD = (
    Bad(
        module="unwrap_none",
        seen=_panic("called `Option::unwrap()` on a `None` value", "largest"),
    ),
    Bad(
        module="index_out_of_bounds",
        seen=_panic("index out of bounds: the len is 4 but the index is 4", "last"),
    ),
    Bad(
        module="unchecked_index",
        seen=_panic(
            "unsafe precondition(s) violated: slice::get_unchecked requires that the index is within"
            " the slice",
            "last",
            needs="CONFIG_RUST_DEBUG_ASSERTIONS",
        ),
    ),
    Bad(module="overflow", seen=_panic("attempt to add with overflow", "total")),
    Bad(
        module="panic_in_probe",
        seen=_panic("unexpected device", "<{crate}::PanicInProbe as kernel::pci::Driver>::probe"),
        marks=(pytest.mark.machine(devices=["pci-testdev"]),),
    ),
    Bad(
        module="panic_in_ioctl",
        seen=_panic("unknown command", "<{crate}::Device as kernel::miscdevice::MiscDevice>::ioctl"),
        use="rbctl sys open:rw:/dev/panic_in_ioctl ioctl:3:0x7c80:none",
    ),
    Bad(
        module="panic_in_drop",
        seen=_panic("1 still open", "<{crate}::PanicInDrop as core::ops::drop::Drop>::drop"),
    ),
    Bad(
        module="null_dereference",
        seen=(
            *_panic("null pointer dereference occurred", "value_of", needs="CONFIG_RUST_DEBUG_ASSERTIONS"),
            # riscv tells user space's half of the address space from its own, and no NULL from others
            Seen(
                arch="riscv64",
                kind=Kind.OOPS,
                title="BUG: unable to handle kernel access to user memory without uaccess routines",
                function="value_of",
            ),
            # s390x has memory at 0 that may be read: docs/findings/s390-null-is-memory.md
            Seen(
                not_on="s390x",
                kind=Kind.OOPS,
                title="BUG: unable to handle kernel NULL pointer dereference",
                function="value_of",
            ),
        ),
    ),
    Bad(module="wild_dereference", seen=_bad_address("value_of", Outcome.FAIL, "data access")),
    Bad(module="use_after_free", seen=(_kasan("slab-use-after-free Read", "read"),)),
    # a slab's report blames who freed the memory that was written later, or who allocated what was left of
    Bad(
        module="write_after_free",
        seen=(_kasan("slab-use-after-free Write", "write"), _slab("slab: Poison overwritten", "write")),
    ),
    Bad(
        module="double_free",
        seen=(
            _kasan("double-free Free", "free"),
            # the function's last act is a jump, which leaves no frame; on some architectures it is a call
            *(
                replace(_slab("BUG kmalloc-8: Object already free", "free"), arch=arch)
                for arch in ("s390x", "powerpc64le")
            ),
            # arm has no smaller objects than of 64 bytes, a cache line
            replace(_slab("BUG kmalloc-64: Object already free", "free"), arch="arm"),
            # loongarch64 has no smaller objects than of 16 bytes; with debug assertions the jump is a call
            replace(
                _slab("BUG kmalloc-16: Object already free", "free"),
                arch="loongarch64",
                needs="CONFIG_RUST_DEBUG_ASSERTIONS",
            ),
            replace(_slab("BUG kmalloc-16: Object already free", _INIT_DOUBLE_FREE), arch="loongarch64"),
            _slab("BUG kmalloc-8: Object already free", _INIT_DOUBLE_FREE),
        ),
    ),
    Bad(
        module="out_of_bounds_write",
        seen=(
            _kasan("slab-out-of-bounds Write", "terminate"),
            # as above: what is left of the object belongs to nobody
            *(
                replace(_slab("slab: kmalloc Redzone overwritten", _INIT_OUT_OF_BOUNDS), arch=arch)
                for arch in ("arm", "loongarch64")
            ),
            _slab("slab: Right Redzone overwritten", _INIT_OUT_OF_BOUNDS),
        ),
    ),
    Bad(
        module="leak",
        seen=(Seen(needs="CONFIG_DEBUG_KMEMLEAK", kind=Kind.LEAK, title="memory leak", function="allocate"),),
        marks=(pytest.mark.kmemleak,),
    ),
    Bad(
        module="sleep_in_atomic",
        seen=(
            Seen(
                needs="CONFIG_DEBUG_ATOMIC_SLEEP",
                kind=Kind.ATOMIC_SLEEP,
                title="BUG: sleeping function called from invalid context",
                function="allocate_locked",
            ),
        ),
    ),
    Bad(module="lock_order", seen=(_deadlock(Outcome.FAIL, "transfer"),)),
    Bad(module="self_deadlock", seen=(_deadlock(Outcome.HANG, "show"), _SILENT_HANG), timeout_s=STUCK_S),
    Bad(module="recursive_mutex", seen=(_deadlock(Outcome.HANG, "show"), _SILENT_HANG), timeout_s=STUCK_S),
    Bad(
        module="soft_lockup",
        seen=(
            Seen(
                needs="CONFIG_SOFTLOCKUP_DETECTOR",
                kind=Kind.SOFT_LOCKUP,
                title="BUG: soft lockup",
                function="wait",
            ),
        ),
        # a lockup lasts longer than twice that many seconds
        before=_one_second("watchdog_thresh"),
    ),
    Bad(
        module="hung_task",
        seen=(
            Seen(
                needs="CONFIG_DETECT_HUNG_TASK",
                outcome=Outcome.HANG,
                kind=Kind.HUNG_TASK,
                title="INFO: task hung",
                function="wait",
            ),
            _SILENT_HANG,
        ),
        before=_one_second("hung_task_timeout_secs"),
        timeout_s=STUCK_S,
    ),
    Bad(module="warn", seen=(Seen(kind=Kind.WARNING, title="WARNING", function="take"),)),
    Bad(
        module="refcount_misuse",
        seen=(Seen(kind=Kind.REFCOUNT, title="WARNING: refcount bug", function="share"),),
    ),
    Bad(
        module="list_corruption",
        seen=(
            Seen(
                needs="CONFIG_LIST_HARDENED",
                kind=Kind.LIST_CORRUPTION,
                title="BUG: corrupted list",
                function="fill",
            ),
        ),
    ),
    Bad(
        module="active_timer_freed",
        seen=(
            Seen(
                needs="CONFIG_DEBUG_OBJECTS_FREE",
                kind=Kind.DEBUG_OBJECTS,
                title="WARNING: ODEBUG bug",
                function="forget_alarm",
            ),
        ),
    ),
    Bad(
        module="callback_after_unload",
        seen=_bad_address("ring", Outcome.CRASH, "instruction fetch"),
        after="sleep 4",
    ),
    Bad(
        module="stack_overflow",
        seen=(
            # guard pages see it, which loongarch64's stacks do not have; arm ends the task alone
            Seen(
                needs="CONFIG_VMAP_STACK",
                arch="arm",
                kind=Kind.STACK_OVERFLOW,
                title="kernel stack overflow",
                function="descend",
            ),
            Seen(
                needs="CONFIG_VMAP_STACK",
                outcome=Outcome.CRASH,
                kind=Kind.STACK_OVERFLOW,
                title="kernel stack overflow",
                function="descend",
            ),
        ),
    ),
)

# modules whose bug only an assertion can see: what the test's failure says, and the scene that has the test
ASSERTED = {
    "wrong_value": "assert 15 == 14",
    "wrong_errno": "assert 22 == 25",
    "silent_success": "DID NOT RAISE",
}

# how a test ends that a splat must turn red all the same, and how it ends with the good twin; the module is
# that of a row above
ENDINGS = {
    "teardown": "passed",
    "skip": "skipped",
    "xfail": "skipped",
    "linger": "passed",
    "poweroff": "passed",
}
ENDING_MODULES = {
    **dict.fromkeys(("skip", "xfail"), "warn"),
    "teardown": "panic_in_drop",
    # rings 2 s after it has gone
    "linger": "callback_after_unload",
    # seen when the caches are validated, if nobody gets the memory before
    "poweroff": "write_after_free",
}


def marked_lines(module: str) -> set[int]:
    """Return the numbers (from 1) of the lines to blame in a module's source.

    A mark that has a line to itself, where rustfmt puts it, is that of the line above.
    """
    lines = (MODULES / f"{module}.rs").read_text().splitlines()
    marked = [(number, line) for number, line in enumerate(lines, start=1) if line.endswith(MARK)]
    return {number - (line.strip() == MARK) for number, line in marked}
