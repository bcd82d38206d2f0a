"""Logs that the tests of this directory share, and what is in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rustbed.log.explain import read_log
from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, Splat, find_splats
from rustbed.log.symbolize import Symbols, refine
from rustbed.log.unwrap import Unwrapper

HERE = Path(__file__).parent
# one short log per phenomenon, of drivers nobody has
LOGS = {path.stem: parse_console(path.read_text()) for path in sorted((HERE / "splats").glob("*.log"))}
# what our own machines say from the first line on; of tier 1 to a driver's load and unload
BOOTS = {path.stem: parse_console(path.read_text()) for path in sorted((HERE / "boots").glob("*.log"))}

# the same without the first words of a kernel, which tell of a reboot where one has run already
LATER = {
    arch: tuple(record for record in boot if "Linux version" not in record.text)
    for arch, boot in BOOTS.items()
}

NULL = "BUG: unable to handle kernel NULL pointer dereference"
PAGING = "BUG: unable to handle kernel paging request"
UNWRAP = "called `Option::unwrap()` on a `None` value"
BOUNDS = "index out of bounds: the len is 4 but the index is 4"
IOCTL = "<toy_rust::Toy as kernel::miscdevice::MiscDevice>::ioctl"
START = "<toy_rust::device::Device>::start"
NO_ROOT = "kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)"
DUPLICATE = "sysfs: duplicate filename /bus/toy/devices/toy.0"

# log: kind, title without the function, function, fatal, span
WANTED: dict[str, tuple[Kind, str, str, bool, tuple[int, int]]] = {
    "atomic_sleep": (
        Kind.ATOMIC_SLEEP, "BUG: sleeping function called from invalid context", "toy_irq_then_sleep",
        False, (0, 9),
    ),
    "bad_page": (Kind.BAD_PAGE, "BUG: Bad page state", "toy_put_page", False, (0, 8)),
    "bug_arm": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 36)),
    "bug_arm64": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 9)),
    "bug_riscv": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 6)),
    "bug_s390": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 31)),
    "debug_objects": (Kind.DEBUG_OBJECTS, "WARNING: ODEBUG bug", "toy_exit", False, (0, 8)),
    "dentry_in_use": (
        Kind.BUG_REPORT, "BUG: Dentry still in use [unmount of toyfs toy0]", "", False, (0, 12),
    ),
    "divide_old_x86": (Kind.OOPS, "divide error", "toy_average", False, (0, 5)),
    "divide_s390": (Kind.OOPS, "fixpoint divide exception", "toy_divide", False, (0, 29)),
    "duplicate_name": (Kind.DUPLICATE_NAME, DUPLICATE, "", False, (0, 6)),
    "external_abort_arm": (Kind.OOPS, "Unhandled fault", "toy_reset", False, (0, 4)),
    "general_protection_x86": (Kind.OOPS, "general protection fault", "toy_unlink", False, (0, 5)),
    "hard_lockup": (Kind.HARD_LOCKUP, "hard lockup", "toy_spin", False, (0, 4)),
    "hard_lockup_unseen": (Kind.HARD_LOCKUP, "hard lockup", "", True, (0, 18)),
    "hung_task": (Kind.HUNG_TASK, "INFO: task hung", "toy_lock_twice", False, (0, 11)),
    "hung_task_s390": (Kind.HUNG_TASK, "INFO: task hung", "toy_lock_twice", False, (0, 16)),
    "jump_to_null_arm": (Kind.OOPS, NULL, "toy_jump", False, (0, 36)),
    "jump_to_null_framed_arm": (Kind.OOPS, NULL, "toy_jump", False, (0, 75)),
    "jump_to_null_loongarch": (Kind.OOPS, NULL, "toy_jump", False, (0, 48)),
    "jump_to_null_s390": (Kind.OOPS, "illegal operation", "toy_jump", False, (0, 30)),
    "jump_to_null_x86": (Kind.OOPS, NULL, "toy_ioctl", False, (0, 9)),
    "kasan": (Kind.KASAN, "KASAN: slab-use-after-free Read", "toy_poll", False, (0, 24)),
    "kasan_double_free": (Kind.KASAN, "KASAN: double-free Free", "toy_remove", False, (0, 10)),
    "kasan_in_memcpy": (Kind.KASAN, "KASAN: slab-out-of-bounds Write", "toy_store", False, (0, 8)),
    "kcsan": (Kind.KCSAN, "KCSAN: data-race in toy_count / toy_reset", "", False, (0, 10)),
    "kfence": (Kind.KFENCE, "KFENCE: out-of-bounds read", "toy_parse", False, (0, 10)),
    "kmsan": (Kind.KMSAN, "KMSAN: uninit-value", "toy_hash", False, (0, 6)),
    "kobject_exists": (Kind.DUPLICATE_NAME, "kobject: duplicate name toy.0", "", False, (0, 0)),
    "leak": (Kind.LEAK, "memory leak", "", False, (0, 0)),
    "leak_report": (Kind.LEAK, "memory leak", "toy_forgets", False, (0, 8)),
    "list_add_arm": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_remember", False, (0, 38)),
    "list_add_s390": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_remember", False, (0, 35)),
    "list_add_warns": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_remember", False, (0, 7)),
    "list_del": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_forget", False, (0, 8)),
    "lockdep_circular": (Kind.LOCKDEP, "possible deadlock", "toy_second_then_first", False, (1, 22)),
    "lockdep_key": (
        Kind.LOCKDEP, "INFO: trying to register non-static key", "toy_early", False, (0, 10),
    ),
    "lockdep_rcu": (Kind.LOCKDEP, "WARNING: suspicious RCU usage", "toy_walk", False, (0, 13)),
    "memset_framed_arm": (Kind.OOPS, PAGING, "toy_clear", False, (0, 71)),
    "null_arm": (Kind.OOPS, NULL, "toy_read", False, (0, 14)),
    "null_loongarch": (Kind.OOPS, NULL, "toy_read", False, (0, 49)),
    "null_powerpc": (Kind.OOPS, NULL, "pointed::follow", False, (0, 47)),
    "null_riscv": (Kind.OOPS, NULL, "toy_read", True, (0, 16)),
    "null_s390": (Kind.OOPS, PAGING, "toy_read", True, (0, 14)),
    "null_x86": (Kind.OOPS, NULL, "toy_read", True, (0, 24)),
    "out_of_memory": (Kind.OUT_OF_MEMORY, "out of memory", "", False, (0, 10)),
    "page_allocation": (Kind.OUT_OF_MEMORY, "page allocation failure", "toy_big_buffer", False, (0, 5)),
    "page_domain_fault_arm": (Kind.OOPS, NULL, "version_proc_show", False, (0, 26)),
    "paging_arm": (Kind.OOPS, PAGING, "toy_write", False, (0, 36)),
    "paging_arm64": (Kind.OOPS, PAGING, "toy_write", True, (0, 26)),
    "paging_loongarch": (Kind.OOPS, PAGING, "i8042_flush", True, (0, 28)),
    "paging_s390": (Kind.OOPS, PAGING, "toy_read", False, (0, 33)),
    "paging_x86": (Kind.OOPS, PAGING, "toy_release", False, (0, 7)),
    "panic_init_exits": (Kind.PANIC, "kernel panic: Attempted to kill init!", "", True, (1, 3)),
    "panic_no_root": (Kind.PANIC, NO_ROOT, "", True, (1, 6)),
    "panic_sysrq_arm64": (Kind.PANIC, "kernel panic: sysrq triggered crash", "", True, (1, 16)),
    "preemptible": (
        Kind.LOCKDEP, "BUG: using smp_processor_id() in preemptible code", "toy_cpu", False, (0, 5),
    ),
    "rcu_stall": (Kind.RCU_STALL, "INFO: rcu detected stall", "toy_spin", False, (0, 10)),
    "refcount": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_put", False, (0, 8)),
    "refcount_arm": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_get", False, (0, 23)),
    "refcount_message_behind": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_get", False, (0, 8)),
    "refcount_s390": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_get", False, (0, 33)),
    "rust_panic_arm": (Kind.RUST_PANIC, "assertion `left != right` failed", "", False, (0, 54)),
    "rust_panic_arm64": (Kind.RUST_PANIC, BOUNDS, IOCTL, False, (0, 14)),
    "rust_panic_loongarch": (Kind.RUST_PANIC, UNWRAP, "", False, (0, 43)),
    "rust_panic_powerpc": (Kind.RUST_PANIC, UNWRAP, "unwrap_none::largest", False, (0, 53)),
    "rust_panic_torn": (
        Kind.RUST_PANIC, "panicked at drivers/toy/toy_rust.rs:75:9", "", False, (0, 7),
    ),
    "rust_panic_x86": (Kind.RUST_PANIC, UNWRAP, START, True, (1, 21)),
    "scheduling_atomic": (Kind.ATOMIC_SLEEP, "BUG: scheduling while atomic", "toy_wait", False, (0, 7)),
    "slub": (
        Kind.SLAB_CORRUPTION, "BUG kmalloc-64: Poison overwritten", "toy_scribble", False, (0, 7),
    ),
    "slub_double_free": (
        Kind.SLAB_CORRUPTION, "BUG kmalloc-8: Object already free", "toy_second", False, (0, 28),
    ),
    "slub_double_free_loongarch": (
        Kind.SLAB_CORRUPTION, "BUG kmalloc-16: Object already free", "toy_init", False, (0, 81),
    ),
    "slub_poison": (Kind.SLAB_CORRUPTION, "slab: Poison overwritten", "toy_forget", False, (0, 40)),
    "slub_tracked": (
        Kind.SLAB_CORRUPTION, "BUG kmalloc-64: Redzone overwritten", "toy_alloc", False, (0, 19),
    ),
    "slub_warning_alone": (Kind.SLAB_CORRUPTION, "WARNING: slab bug", "toy_second", False, (0, 6)),
    "soft_lockup": (Kind.SOFT_LOCKUP, "BUG: soft lockup", "toy_spin", True, (0, 6)),
    "spinlock_magic": (Kind.LOCKDEP, "BUG: spinlock bad magic", "toy_init", False, (0, 5)),
    "stack_overflow_arm": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", False, (0, 44)),
    "stack_overflow_arm64": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 8)),
    "stack_overflow_at_entry_s390": (
        Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 27),
    ),
    "stack_overflow_s390": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 21)),
    "stack_overflow_x86": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 8)),
    "timer_after_unload_loongarch": (Kind.OOPS, PAGING, "__hrtimer_run_queues", False, (0, 60)),
    "timer_after_unload_s390": (Kind.OOPS, PAGING, "__hrtimer_run_queues", True, (0, 33)),
    "ubsan": (Kind.UBSAN, "UBSAN: shift-out-of-bounds", "toy_mask", False, (0, 8)),
    "usercopy": (Kind.BUG, "BUG: bad usercopy", "toy_read", False, (0, 9)),
    "warning_arm": (Kind.WARNING, "WARNING", "toy_remove", False, (0, 23)),
    "warning_in_plumbing": (Kind.WARNING, "WARNING", "__switch_to", False, (0, 11)),
    "warning_loongarch": (Kind.WARNING, "WARNING", "toy_init", False, (0, 51)),
    "warning_message": (Kind.WARNING, "WARNING", "toy_remove", False, (0, 8)),
    "warning_panics": (Kind.WARNING, "WARNING", "toy_probe", True, (0, 12)),
    "warning_powerpc": (Kind.WARNING, "WARNING", "pointed::warn", False, (0, 45)),
    "warning_s390": (Kind.WARNING, "WARNING", "toy_remove", False, (0, 32)),
    "warning_x86": (Kind.WARNING, "WARNING", "toy_probe", False, (1, 16)),
    "workqueue_lockup": (Kind.WORKQUEUE_LOCKUP, "BUG: workqueue lockup", "", False, (0, 2)),
}  # fmt: skip

# what is not whole
DAMAGE = {
    "hard_lockup_unseen": "its stack trace ends before the function to blame",
    "external_abort_arm": "its stack trace is missing",
    # its unwinder knows no Rust; who allocated what a register points to is not who panicked
    "rust_panic_arm": "its stack trace ends before the function to blame",
    # functions that never return keep no return address there
    "rust_panic_loongarch": "its stack trace ends before the function to blame",
    "rust_panic_torn": "its stack trace ends before the function to blame",
    "stack_overflow_arm64": "its stack trace is missing",
    "stack_overflow_s390": "its stack trace is missing",
}

# not what the title is about, but worth knowing
ALSO_BLAMED = {
    "dentry_in_use": "umount_check",
    "duplicate_name": "toy_add_device",
    "kcsan": "toy_count",
    "out_of_memory": "out_of_memory",
    "panic_no_root": "mount_root_generic",
    # the two before it are the functions behind those that called panic() and never went on
    "panic_sysrq_arm64": "__handle_sysrq",
}


def moved(splat: Splat, by: int) -> Splat:
    return replace(splat, first=splat.first + by, last=splat.last + by)


def essence(splat: Splat) -> tuple[Kind, str, str, bool]:
    return splat.kind, splat.title, splat.function, splat.fatal


def read_blocks(blocks: Iterable[str]) -> tuple[Splat, ...]:
    """The splats of a log given in blocks of whole lines."""
    return read_log(blocks, Unwrapper()).splats


def in_blocks(text: str, size: int) -> Iterator[str]:
    """Cut a text behind the first line end after every `size` characters, as the command line does."""
    while text:
        end = text.find("\n", min(size, len(text)) - 1) + 1 or len(text)
        yield text[:end]
        text = text[end:]


def refined(text: str) -> Splat:
    """Return the only splat of a console's text, refined without symbols."""
    records = parse_console(text)
    (found,) = find_splats(records)
    return refine(found, records, Symbols())[0]
