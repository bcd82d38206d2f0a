"""Whom a report blames: the first function in it that is not plumbing.

Owns the shapes of program counters and stack frames, and the list of
functions that are only there because something is being reported. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.log.demangle import demangle
from harness.log.formats import Kind

_SYMBOL = r"(?P<symbol>[A-Za-z_$.][\w$.]*)"
_ADDRESS = r"(?:\[<[0-9a-f]+>\] *)*"

# a stack frame; `?` marks words that only look like return addresses, and an address at the very
# beginning of a function is that behind a call which never returns, at the end of the one before it
FRAME = re.compile(
    rf"\s*{_ADDRESS}(?P<unsure>\? )?"
    rf"(?:{_SYMBOL}\+0x(?P<offset>[0-9a-f]+)/0x"
    rf"|\(?{_SYMBOL.replace('symbol', 'arm')}(?: \[\w+\])?\)? from )"
)
# x86 (kernel segments), arm64, arm, riscv, s390
_COUNTER = re.compile(
    rf"(?:RIP: 0010:|E?IP: {_ADDRESS}|pc : {_ADDRESS}|PC is at |epc : |Krnl PSW : [0-9a-f ]+\()"
    rf"{_ADDRESS}{_SYMBOL}\+0x"
)
# where a lock is or was taken
_TAKEN = re.compile(rf".*, at: {_ADDRESS}{_SYMBOL}\+0x")

# in these the processor's counter says more than the stack, which begins in the detector
_STUCK = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP})

# what compilers put behind a name
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold|llvm|lto_priv|__uniq)\b.*")

# carriers of somebody else's mistake
_CARRIER = re.compile(
    r"""(?:
    _?_?mem(?:cpy|set|move|cmp|chr|scan)\w* | str\w+ | _?_?(?:raw_)?copy_(?:from|to|in)_user\w*
    | _?_?refcount_\w+ | kref_\w+ | __list_\w+ | list_(?:add|del)\w* | _?_?k[mvz]*(?:re)?alloc\w*
    | _?_?k[vz]*free\w* | kmem_cache_\w+ | __slab_\w+ | slab_\w+ | _?_?alloc_(?:pages|slab)\w*
    | new_slab | allocate_slab
    )""",
    re.VERBOSE,
)

_PLUMBING = re.compile(
    r"""(?:
    # reporting
    _?_?dump_(?:stack|backtrace)\w* | show_(?:stack|trace|regs)\w* | print_\w+ | _?_?report_\w+
    | v?panic | _?_?warn\w* | die | __?die\w* | handle_bug | bug_\w+ | fixup_bug\w*
    # exceptions and interrupts
    | (?:asm_)?(?:exc|sysvec|common_interrupt)\w* | asm_\w+ | do_(?:error_)?trap\w* | (?:do_)?invalid_op
    | (?:do_|async_)?page_fault | do_user_addr_fault | _?_?bad_area\w* | no_context | el[01]\w*_\w+
    | do_(?:mem_abort|translation_fault|kernel_fault|debug_exception|sea) | __do_kernel_fault
    | (?:call_)?brk_\w+ | call_break_hook | handle_(?:exception|break) | ret_from_\w+ | entry_SYSCALL\w*
    # sanitizers
    | _?_?(?:kasan|kfence|kmsan|kcsan|asan|hwasan|msan|tsan|ubsan)_\w+
    | __sanitizer_\w+ | check_(?:memory_region|region_inline) | _?_?check_(?:heap_object|object_size)\w*
    | usercopy_abort | check_stack_object | \w+_panic | v?printk\w* | console_unlock
    # locks and their checks
    | lockdep_\w+ | _?_?lock_(?:acquire|release)\w* | validate_chain | register_lock_class
    | check_\w*(?:lock|irq|prev|noncircular)\w* | mark_(?:lock|held)\w* | debug_check_no_\w+
    | _?(?:do_)?_?raw_(?:spin|read|write)_\w+ | queued_\w+ | (?:spin|rwlock)_(?:bug|dump)
    | _?_?(?:ww_)?mutex_\w+ | rwsem_\w+ | _?_?(?:down|up)(?:_\w+)?
    | __?_?might_(?:sleep|resched|fault)\w* | might_\w+ | __cant_\w+
    | (?:debug_)?smp_processor_id | check_preemption_disabled | __this_cpu_preempt_check
    # the scheduler and waiting
    | _?_?schedule\w* | io_schedule\w* | preempt_schedule\w* | context_switch | __switch_to\w*
    | dequeue_task\w* | (?:do_|__)?wait_(?:for|on)_\w+ | bit_wait\w* | __cond_resched\w*
    # detectors
    | _?rcu_\w*(?:stall|sched_clock|dump|check)\w* | check_cpu_stall | sched_show_task | nmi_\w+
    | trigger_\w+ | tick_\w+ | update_process_times | _?_?hrtimer_\w+ | watchdog\w*
    | _?_?(?:smp_)?apic_\w+ | local_apic_\w+ | arch_trigger_\w+ | __?(?:handle_)?irq\w* | kmemleak_\w+
    | debug_(?:print_object|object_\w+) | __debug_\w+ | sysfs_warn_dup
    # Rust's way from a failed check to BUG(): rust/helpers/bug.c, rust/kernel/lib.rs, library/core
    | rust_helper_BUG | _?_?rustc::rust_begin_unwind | <?core::.* | <?&?alloc::.*
    )""",
    re.VERBOSE,
)


def blamed_function(kind: Kind, named: str, texts: Iterable[str]) -> str:
    """Return the function to blame for a report, "" if none shows.

    `named` is the one its headline names, "" if it names none; `texts` are its lines.
    """
    candidates = [named] if named else []
    counters: list[str] = []
    frames: list[str] = []
    for text in texts:
        for symbol in _symbols(text, counters):
            frames.append(symbol)
    candidates += [*counters, *frames] if kind in _STUCK else frames
    names = [readable(symbol) for symbol in candidates]
    if kind is Kind.WARNING and named and not _CARRIER.fullmatch(names[0]):
        # WARN() stands in that very function, and what plumbing warns of has kinds of its own
        return names[0]
    for name in names:
        if not (_PLUMBING.fullmatch(name) or _CARRIER.fullmatch(name)):
            return name
    # plumbing may fail itself; Rust's never does
    return names[0] if names and kind is not Kind.RUST_PANIC else ""


def call_chain(texts: Iterable[str]) -> Iterator[str]:
    """Yield the functions in a report's lines that are not plumbing, in their order."""
    for text in texts:
        for symbol in _symbols(text, []):
            name = readable(symbol)
            if not (_PLUMBING.fullmatch(name) or _CARRIER.fullmatch(name)):
                yield name


def _symbols(text: str, counters: list[str]) -> Iterator[str]:
    """Yield the symbols of one record's lines; program counters are also put into `counters`."""
    for line in text.split("\n"):
        if counter := _COUNTER.match(line):
            counters.append(counter["symbol"])
            yield counter["symbol"]
        elif taken := _TAKEN.match(line):
            yield taken["symbol"]
        elif (frame := FRAME.match(line)) and not frame["unsure"] and frame["offset"] != "0":
            yield frame["symbol"] or frame["arm"]


def readable(symbol: str) -> str:
    """Return a symbol as a person knows it: demangled, without what the compiler put behind it."""
    return demangle(_SUFFIX.sub("", symbol))
