"""Files of the kernel that serve others: a function from one of them is not at fault.

The rules name directories, because function names from some logs do not carry over to others. The file
of a function is a fact of every kernel: origins.txt beside this module has those that matter here,
made by harness/symbols/origins.py.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

# directories and files, as regular expressions that begin at the kernel's root, by what their functions do
PLACES = {
    # sanitizers, lockdep, debugging of objects and leaks
    "checking": r"""mm/(?:kasan|kfence|kmsan)/ | kernel/kcsan/
        | lib/(?:ubsan|debugobjects|fault-inject|stackdepot|ref_tracker|refcount|list_debug
        |smp_processor_id)\.c
        | mm/(?:kmemleak|failslab|page_owner|page_poison|usercopy)\.c
        | kernel/locking/(?:lockdep\w*|\w*debug\w*)\.c | kernel/stacktrace\.c | kernel/dma/debug\.c
        | arch/[^/]+/kernel/(?:stacktrace|unwind\w*)\.c | kernel/trace/trace_(?:preemptirq|irqsoff)\.c
        | include/linux/(?:kasan|kmsan|kcsan|instrumented|lockdep|kmemleak|fault-inject|kfence)\S*\.h""",
    # printing of reports, and the clock tick, in which detectors run
    "reporting": r"""lib/(?:dump_stack|nmi_backtrace|bug)\.c | kernel/(?:panic|watchdog\w*|hung_task)\.c
        | kernel/printk/ | kernel/rcu/tree_stall\.h | arch/[^/]+/kernel/dumpstack\w*\.c | kernel/trace/
        | kernel/time/tick- | drivers/tty/serial/8250/""",
    "exceptions": r"""arch/[^/]+/(?:kernel/traps|mm/extable|mm/fault)\.[cS] | arch/[^/]+/entry/(?!common)
        | arch/[^/]+/include/asm/(?:idtentry|trap|irq)\w*\.h | kernel/irq/""",
    # libraries, allocators, references, buffers, work and timers, the driver core; tests of a library are
    # drivers themselves
    "services": r"""lib/(?!kunit/|\w*test\w*\.c|timerqueue) | crypto/
        | arch/[^/]+/(?:lib|crypto)/
        | arch/[^/]+/include/asm/(?:atomic|bitops|io|mmio|uaccess|string|cmpxchg|barrier|percpu|page|msr
        |checksum|div64) | include/asm-generic/
        | include/linux/(?:list|rculist\w*|hashtable|rbtree|atomic\S*|bitmap|bitops|find|cpumask|slab|gfp
        |vmalloc|mempool|percpu\S*|string\w*|kref|refcount|kobject|uaccess|ucopysize|mutex|spinlock\w*
        |rwlock\w*|rwsem|seqlock|rcupdate\w*|srcu|wait\w*|completion|workqueue|timer|hrtimer|interrupt|io
        |iosys-map|skbuff|scatterlist|uio|xarray|idr|maple_tree|radix-tree|rhashtable|llist|plist|kfifo
        |ktime|math64|min_max|minmax|unaligned|overflow|fortify-string|dma-mapping|device|pm_runtime
        |cleanup|highmem\w*|preempt|irqflags|bottom_half|page-flags|page_ref|jump_label|tracepoint
        |sched/mm|sched/signal)\.h
        | mm/(?:slab|slub|slob|slab_common|page_alloc|vmalloc|percpu\S*|mempool|dmapool|maccess|util|mempolicy
        |page_frag_cache|swap|list_lru|folio-compat)\.[ch]
        | kernel/dma/ | drivers/base/(?!firmware_loader/) | fs/sysfs/ | fs/(?:seq_file|file_table|inode)\.c
        | fs/proc/generic\.c | drivers/usb/core/(?:urb|message|hcd|usb)\.c
        | net/core/(?:sock|skbuff|datagram|dst|page_pool)\.c
        | kernel/(?:workqueue|kthread|task_work|irq_work|smp|notifier|params|resource|cpu)\.c
        | kernel/time/(?:timer|hrtimer|clocksource|timekeeping|sleep_timeout)\.c | kernel/rcu/
        | drivers/(?:clk|regulator)/ | drivers/i2c/i2c-core-base\.c | drivers/tty/tty_io\.c""",
    "locks": r"kernel/locking/ | kernel/rcu/sync",
    "waiting": r"kernel/sched/(?:wait\w*|swait|completion)\.c | kernel/futex/ | kernel/sched/sched\.h",
    # allocate memory for their callers
    "allocates": r"net/core/(?:skbuff|sock|page_pool)\.c | include/net/page_pool/ | mm/filemap\.c"
    r" | fs/(?:inode|dcache|file_table)\.c",
    # hand control to registered functions: system calls to files, sockets and file systems, messages to
    # protocols, work and threads to their functions, buses to drivers
    "dispatches": r"""fs/(?:ioctl|compat_ioctl|compat|read_write|splice|open|file_table|readdir)\.c
        | block/(?:compat_)?ioctl\.c
        | net/netfilter/nfnetlink\.c
        | kernel/(?:workqueue|task_work|kthread|smpboot|async)\.c | init/main\.c
        | drivers/(?:base/dd|usb/core/driver|pci/pci-driver)\.c""",
    # the same in interrupts and in the idle task
    "interrupts": r"kernel/(?:softirq|irq_work|sched/idle|irq/handle|time/timer)\.c",
}
# directories at the kernel's root
TREE = (
    r"(?:arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|sound"
    r"|virt)/"
)
_TREE = re.compile(TREE)
# tests of the kernel count as drivers, wherever they are
_TESTS = re.compile(r".*(?:/(?:tests?|kunit)/|[/_-](?:kunit|tests?)[\w-]*\.c)")
# files outside of the core that the families are about
_LEAVES = re.compile(
    r"(?:drivers/(?!(?:acpi|base|char|clk|i2c|iommu|pci|regulator|tty|usb/core|usb/host)/|gpu/drm/drm_)"
    r"|sound/(?!core/)|samples/).*\.(?:c|rs)"
)
# functions that are blamed nevertheless: people look for them
KEPT = re.compile(
    r"_*(?:synchronize_\w+|(?:add|remove)_wait_queue\w*|alloc_skb|iov_iter_(?:advance|revert)|clear_page"
    r"|reserve_bootmem_region|unwind_next_frame|hrtimer_active)"
)

_OWNERLESS = frozenset({"allocates"})


@cache
def rules() -> dict[str, re.Pattern[str]]:
    """Return the compiled rules; only splats need them, and most sessions have none."""
    return {role: re.compile(rule, re.VERBOSE) for role, rule in PLACES.items()}


def find_roles(path: str) -> frozenset[str]:
    """Return what the functions of a source file do for others; empty if they serve no others."""
    if _TESTS.match(path):
        return frozenset()
    return frozenset(role for role, rule in rules().items() if rule.match(path))


def is_of_tree(path: str) -> bool:
    """Whether a path begins at the kernel's root, by its first directory."""
    return _TREE.match(path) is not None


def is_leaf(path: str) -> bool:
    """Whether a file belongs to one driver: its functions have names like the core's by chance only."""
    return _LEAVES.match(path) is not None


def is_kept(path: str) -> bool:
    """Whether a file allocates memory: for a leak not even its functions in KEPT are blamed."""
    return not find_roles(path).isdisjoint(_OWNERLESS)


def roles_of(function: str, file: str = "") -> frozenset[str]:
    """Return what a function does for others, by its source file.

    `file` is its file in this kernel, "" if unknown: then the table has it.
    """
    roles = find_roles(file) if file else _table().get(function, frozenset())
    return roles & _OWNERLESS if roles and KEPT.fullmatch(function) else roles


@cache
def _table() -> dict[str, frozenset[str]]:
    return read_table(Path(__file__).with_name("origins.txt").read_text())


def read_table(text: str) -> dict[str, frozenset[str]]:
    """Parse the table: a line for each file, with its functions indented below."""
    table: dict[str, frozenset[str]] = {}
    roles: frozenset[str] = frozenset()
    for line in text.split("\n"):
        if line.startswith(" "):
            table.update(dict.fromkeys(line.split(), roles))
        elif not line.startswith("#"):
            roles = find_roles(line)
    return table
