"""First lines as kernels from 4.x to 7.x print them, with the kind and the title of the report."""

from __future__ import annotations

from rustbed.log.splat import Kind

_NULL = "BUG: unable to handle kernel NULL pointer dereference in toy_go"
_PAGING = "BUG: unable to handle kernel paging request in toy_go"

HEADLINES = [
    # sanitizers, as kernels before 4.6 print them, and as traps
    (
        "BUG: KASan: out of bounds access in toy_go+0x1/0x20 at addr ffff88006901fc98",
        Kind.KASAN,
        "KASAN: out of bounds in toy_go",
    ),
    (
        "BUG: KASan: use after free in toy_go+0x1/0x20 at addr ffff88006901fc98",
        Kind.KASAN,
        "KASAN: use after free in toy_go",
    ),
    (
        "UBSAN: array index out of bounds at toy_go+0x1/0x20",
        Kind.UBSAN,
        "UBSAN: array index out of bounds in toy_go",
    ),
    # arc
    (
        "Invalid Read @ 0x00000018 by insn @ toy_go+0x1/0x20",
        Kind.OOPS,
        "Invalid Read in toy_go",
    ),
    # hangs
    (
        "NMI watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [toy:7]",
        Kind.SOFT_LOCKUP,
        "BUG: soft lockup in toy_go",
    ),
    (
        "watchdog: CPU 2 self-detected hard LOCKUP @ toy_go+0x1/0x20",
        Kind.HARD_LOCKUP,
        "hard lockup in toy_go",
    ),
    ("watchdog: CPU 2 detected hard LOCKUP on other CPUs 3", Kind.HARD_LOCKUP, "hard lockup in toy_go"),
    (
        "rcu: INFO: rcu_tasks detected stalls on tasks:",
        Kind.RCU_STALL,
        "INFO: rcu detected stall in toy_go",
    ),
    (
        "rcu: INFO: rcu_sched detected stall, but suppressed full report due to a stuck CSD-lock.",
        Kind.RCU_STALL,
        "INFO: rcu detected stall in toy_go",
    ),
    (
        "INFO: task toy:7 blocked in I/O wait for more than 120 seconds.",
        Kind.HUNG_TASK,
        "INFO: task hung in toy_go",
    ),
    (
        "unregister_netdevice: waiting for toy0 to become free. Usage count = 2",
        Kind.BUG_REPORT,
        "unregister_netdevice: waiting for a device to become free",
    ),
    # devices
    (
        'irq 16: nobody cared (try booting with the "irqpoll" option)',
        Kind.BUG_REPORT,
        "irq: nobody cared",
    ),
    ("irq event 16: bogus return value ffffffed", Kind.BUG_REPORT, "irq: bogus return value"),
    # locks and contexts
    ("[ BUG: toy/7 still has locks held! ]", Kind.LOCKDEP, "WARNING: still has locks held in toy_go"),
    (
        "WARNING: toy thing/7 still has locks held!",
        Kind.LOCKDEP,
        "WARNING: still has locks held in toy_go",
    ),
    ("[ INFO: suspicious RCU usage. ]", Kind.LOCKDEP, "WARNING: suspicious RCU usage in toy_go"),
    ("WARNING: chain_key collision", Kind.LOCKDEP, "WARNING: chain_key collision in toy_go"),
    (
        "BUG: key ffff888012345678 has not been registered!",
        Kind.LOCKDEP,
        "BUG: lock key has not been registered in toy_go",
    ),
    ("BUG: key ffff888012345678 not in .data!", Kind.LOCKDEP, "BUG: lock key not in .data in toy_go"),
    ("BUG: MAX_LOCKDEP_CHAINS too low!", Kind.LOCKDEP, "BUG: MAX_LOCKDEP_CHAINS too low"),
    (
        "BUG: assuming non migratable context at drivers/toy.c:7",
        Kind.ATOMIC_SLEEP,
        "BUG: assuming non migratable context in toy_go",
    ),
    # memory
    ("BUG: non-zero nr_ptes on freeing mm: 1", Kind.BAD_PAGE, "BUG: non-zero nr_ptes"),
    (
        "usercopy: kernel memory exposure attempt detected from ffff888012345678 (kmalloc-64) (96 bytes)",
        Kind.BUG,
        "BUG: bad usercopy in toy_go",
    ),
    # faults, by architecture: x86, arm64, powerpc, s390, mips
    ("Oops: 0002 [#1] SMP", Kind.OOPS, "Oops in toy_go"),
    ("Kernel BUG at toy_go+0x1/0x20 [verbose debug info unavailable]", Kind.BUG, "kernel BUG in toy_go"),
    ("Internal error: Oops: 96000004 [#1] PREEMPT SMP", Kind.OOPS, "Oops in toy_go"),
    ("BUG: Kernel NULL pointer dereference on read at 0x00000018", Kind.OOPS, _NULL),
    ("BUG: Unable to handle unknown paging fault at 0x00000018", Kind.OOPS, _PAGING),
    (
        "BUG: Unable to handle kernel instruction fetch (NULL pointer?)",
        Kind.OOPS,
        "BUG: unable to handle kernel instruction fetch in toy_go",
    ),
    ("Oops: Kernel access of bad area, sig: 11 [#1]", Kind.OOPS, "Kernel access of bad area in toy_go"),
    ("Oops: 0004 ilc:2 [#1] SMP", Kind.OOPS, "Oops in toy_go"),
    (
        "CPU 1 Unable to handle kernel paging request at virtual address 0018, epc == 80, ra == 80",
        Kind.OOPS,
        _PAGING,
    ),
    # stacks
    (
        "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff81234567",
        Kind.PANIC,
        "kernel panic: stack is corrupted in toy_go",
    ),
    (
        "WARNING: can't access registers at toy_go+0x1/0x20",
        Kind.WARNING,
        "WARNING: can't access registers",
    ),
    (
        "WARNING: unrecognized unwind stack type 7",
        Kind.WARNING,
        "WARNING: unrecognized unwind stack type",
    ),
    # what stands behind "Internal error" is a sentence
    (
        "Internal error: Fetching a word outside ldr.S, twice: 96000004 [#1] SMP",
        Kind.OOPS,
        "Fetching a word outside ldr.S, twice in toy_go",
    ),
    ("Break instruction in kernel code[#1]:", Kind.OOPS, "Break instruction in kernel code in toy_go"),
    ("do_fpe invoked from kernel context![#2]:", Kind.OOPS, "do_fpe invoked from kernel context! in toy_go"),
    (
        "Internal error: UBSAN: integer subtraction overflow: 00000000f2005515 [#1] SMP",
        Kind.UBSAN,
        "UBSAN: integer subtraction overflow in toy_go",
    ),
    # what the processor cannot go on from
    (
        "SError Interrupt on CPU1, code 0x00000000bf000000 -- SError",
        Kind.PANIC,
        "kernel panic: Asynchronous SError Interrupt in toy_go",
    ),
    ("Internal error: Oops - bad mode: 0 [#1] SMP", Kind.PANIC, "kernel panic: bad mode in toy_go"),
    ("Instruction bus error, epc == 82a1b0c4, ra == 82a1b200", Kind.OOPS, "Instruction bus error in toy_go"),
    (
        "Kernel Fault: Code=26 (Data memory access rights trap) at addr 00000018",
        Kind.OOPS,
        "Data memory access rights trap in toy_go",
    ),
    (
        "Kernel panic - not syncing: Asynchronous SError Interrupt",
        Kind.PANIC,
        "kernel panic: Asynchronous SError Interrupt in toy_go",
    ),
    (
        "Unhandled 64-bit el1h sync exception on CPU0, ESR 0x0000000002000000 -- Unknown/Uncategorized",
        Kind.PANIC,
        "kernel panic: unhandled el1h sync in toy_go",
    ),
    (
        "mce: [Hardware Error]: CPU 2: Machine Check Exception: 4 Bank 5: be00000000800400",
        Kind.BUG_REPORT,
        "machine check",
    ),
    # what a report is for is said before it
    (
        "CFI failure at toy_go+0x1/0x20 (target: toy_callback+0x0/0x8; expected type: 0x12345678)",
        Kind.WARNING,
        "CFI failure in toy_go",
    ),
    ("CFI failure (target: toy_callback+0x0/0x8):", Kind.WARNING, "CFI failure in toy_go"),
    (
        "unchecked MSR access error: RDMSR from 0x19c at rIP: 0xffffffff81061234 (native_read_msr+0x4/0x20)",
        Kind.WARNING,
        "unchecked MSR access error: RDMSR in toy_go/native_read_msr",
    ),
    ("PANIC at toy_tree.c:7:toy_check()", Kind.BUG_REPORT, "PANIC in toy_check"),
    (
        "ToyError: 71:0:(toy.c:7:toy_check()) ASSERTION( a < b ) failed:",
        Kind.BUG_REPORT,
        "PANIC in toy_check",
    ),
    ("ToyError: 71:0:(toy.c:7:toy_check()) LBUG", Kind.BUG_REPORT, "PANIC in toy_check"),
    ("SPLError: 71:0:(toy.c:7:toy_check()) SPL PANIC", Kind.BUG_REPORT, "PANIC in toy_check"),
    ("rust_kernel: panicked at 'toy is gone', drivers/toy.rs:7:9", Kind.RUST_PANIC, "toy is gone in toy_go"),
    # what no log of this directory has
    ("BUG: toy is out of order", Kind.BUG_REPORT, "BUG: toy is out of order in toy_go"),
    (
        "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
        Kind.LOCKDEP,
        "possible deadlock in toy_go",
    ),
    ("WARNING: inconsistent lock state", Kind.LOCKDEP, "inconsistent lock state in toy_go"),
    ("WARNING: bad unlock balance detected!", Kind.LOCKDEP, "WARNING: bad unlock balance in toy_go"),
    (
        "BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/7",
        Kind.LOCKDEP,
        "BUG: workqueue leaked lock or atomic in toy_go",
    ),
    ("DEBUG_LOCKS_WARN_ON(lock->magic != lock)", Kind.LOCKDEP, "WARNING: locking bug in toy_go"),
    ("BUG: memory leak", Kind.LEAK, "memory leak in toy_go"),
    (
        "VFS: Busy inodes after unmount of toy0. Self-destruct in 5 seconds.",
        Kind.BUG_REPORT,
        "VFS: Busy inodes after unmount",
    ),
    (
        "WARNING: CPU: 0 PID: 7 at kernel/locking/mutex.c:7 mutex_go+0x1/0x20",
        Kind.LOCKDEP,
        "WARNING: locking bug in toy_go",
    ),
    ("WARNING: at drivers/toy.c:7 toy_go+0x1/0x20()", Kind.WARNING, "WARNING in toy_go"),
    ("WARNING: at toy_go+0x1/0x20()", Kind.WARNING, "WARNING in toy_go"),
    ("traps: PANIC: double fault, error_code: 0x0", Kind.OOPS, "PANIC: double fault in toy_go"),
    (
        "Kernel panic - not syncing: corrupted stack end detected inside scheduler",
        Kind.STACK_OVERFLOW,
        "kernel panic: corrupted stack end in toy_go",
    ),
]
