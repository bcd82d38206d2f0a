"""LKDTM's triggers, and the title of the splat that each is to be read as."""

from __future__ import annotations

# a trigger, and what its splat's title has to contain

DEATHS = {
    "PANIC": r"^kernel panic: dumptest$",
    "PANIC_STOP_IRQOFF": r"^kernel panic: panic stop irqoff test$",
    "PANIC_IN_HARDIRQ": r"^kernel panic: from hard IRQ context$",
    "BUG": r"^kernel BUG in lkdtm_BUG$",
    "BUG_IN_HARDIRQ": r"^kernel BUG in bug_in_hardirq$",
}

# seen by the stack protector, which s390x's kernel does not have with clang 19
STACK_CONTENTS = {
    "CORRUPT_STACK": r"stack is corrupted in lkdtm_CORRUPT_STACK\b",
    "CORRUPT_STACK_STRONG": r"stack is corrupted in lkdtm_CORRUPT_STACK_STRONG\b",
}

WARNINGS = {
    "WARNING": r"^WARNING in lkdtm_WARNING$",
    "WARNING_MESSAGE": r"^WARNING in lkdtm_WARNING_MESSAGE$",
    "FORTIFY_MEM_MEMBER": r"^WARNING in lkdtm_FORTIFY_MEM_MEMBER$",
    "CORRUPT_LIST_ADD": r"^BUG: corrupted list in lkdtm_CORRUPT_LIST_ADD$",
    "CORRUPT_LIST_DEL": r"^BUG: corrupted list in lkdtm_CORRUPT_LIST_DEL$",
}

# KASAN, where the kernel has it, is there first; to riscv, the first page is a process's
USER = r"BUG: unable to handle kernel access to user memory without uaccess routines"
NULL = (
    rf"^({USER}|BUG: unable to handle kernel NULL pointer dereference"
    r"|KASAN: null-ptr-deref (Read|Write))"
)
PAGING = (
    rf"^({USER}|BUG: unable to handle kernel "
    r"(paging request|data access|instruction fetch|write to|execut\w+ )"
    r"|KASAN: (vmalloc-out-of-bounds|user-memory-access) (Read|Write))"
)

ACCESSES = {
    "VMALLOC_LINEAR_OVERFLOW": rf"{PAGING}.* in lkdtm_VMALLOC_LINEAR_OVERFLOW$",
}

NULLS = {
    "EXCEPTION": rf"{NULL} in lkdtm_EXCEPTION$",
    "ACCESS_NULL": rf"{NULL} in lkdtm_ACCESS_NULL$",
    # who jumped there is gone where the call was the last thing it did
    "EXEC_NULL": rf"{NULL}( in (execute_location|lkdtm_EXEC_NULL))?$",
    "SLAB_FREE_PAGE": rf"{NULL} in lkdtm_SLAB_FREE_PAGE$",
}
# s390x's kernel has no word for NULL, where it keeps data of its own: the address is bad, or there is no code
S390_NULLS = {
    **{name: rf"^BUG: unable to handle kernel paging request in lkdtm_{name}$" for name in NULLS},
    "EXEC_NULL": r"^illegal operation in execute_location$",
}

# powerpc tells what was done at the address
POWERPC_NULLS = NULLS | {"EXEC_NULL": r"^BUG: unable to handle kernel instruction fetch in execute_location$"}

# seen by guard pages, which loongarch64's stacks do not have
STACKS = {
    "EXHAUST_STACK": r"^kernel stack overflow in recursive_loop$",
    "STACK_GUARD_PAGE_LEADING": r"in lkdtm_STACK_GUARD_PAGE_LEADING$",
    "STACK_GUARD_PAGE_TRAILING": rf"{PAGING}.* in lkdtm_STACK_GUARD_PAGE_TRAILING$",
}

# loongarch64's kernel can execute all memory of its own
EXECUTED = {
    "EXEC_DATA": rf"{PAGING}.* in data_area$",
    "EXEC_STACK": PAGING,
    "EXEC_KMALLOC": PAGING,
    "EXEC_VMALLOC": PAGING,
    "EXEC_RODATA": rf"{PAGING}.* in lkdtm_rodata_do_nothing$",
}

READ_ONLY = {
    "WRITE_RO": rf"{PAGING}.* in lkdtm_WRITE_RO$",
    "WRITE_RO_AFTER_INIT": rf"{PAGING}.* in lkdtm_WRITE_RO_AFTER_INIT$",
    "WRITE_KERN": rf"{PAGING}.* in lkdtm_WRITE_KERN$",
}

REFERENCE_COUNTS = {
    f"REFCOUNT_{name}": rf"^WARNING: refcount bug in lkdtm_REFCOUNT_{name}$"
    for name in (
        *("INC_OVERFLOW", "ADD_OVERFLOW", "INC_NOT_ZERO_OVERFLOW", "ADD_NOT_ZERO_OVERFLOW", "INC_ZERO"),
        *("ADD_ZERO", "DEC_ZERO", "SUB_AND_TEST_ZERO", "DEC_NEGATIVE", "DEC_AND_TEST_NEGATIVE"),
        *("SUB_AND_TEST_NEGATIVE", "INC_SATURATED", "DEC_SATURATED", "ADD_SATURATED"),
        *("INC_NOT_ZERO_SATURATED", "ADD_NOT_ZERO_SATURATED", "DEC_AND_TEST_SATURATED"),
        "SUB_AND_TEST_SATURATED",
    )
}

COPIES = {
    # a warning says what was too long, a BUG ends the task: both blame whoever called
    **{
        name: rf"^(WARNING|kernel BUG) in lkdtm_{name}$"
        for name in ("FORTIFY_STR_MEMBER", "FORTIFY_MEM_OBJECT", "FORTIFY_STRSCPY")
    },
    **{
        f"USERCOPY_{name}": rf"^BUG: bad usercopy in {function}$"
        for name, function in {
            "SLAB_SIZE_TO": "do_usercopy_slab_size",
            "SLAB_SIZE_FROM": "do_usercopy_slab_size",
            "SLAB_WHITELIST_TO": "do_usercopy_slab_whitelist",
            "SLAB_WHITELIST_FROM": "do_usercopy_slab_whitelist",
            "STACK_BEYOND": "do_usercopy_stack",
            "FOLIO": "do_usercopy_page_span",
            "KERNEL": "lkdtm_USERCOPY_KERNEL",
        }.items()
    },
}

FRAMES = {
    f"USERCOPY_STACK_FRAME_{way}": r"^BUG: bad usercopy in do_usercopy_stack$" for way in ("TO", "FROM")
}

BOUNDS = {"ARRAY_BOUNDS": r"^UBSAN: array-index-out-of-bounds in lkdtm_ARRAY_BOUNDS$"}

LOCKS = {"SPINLOCKUP": r"^(BUG: scheduling while atomic|WARNING: lock held when returning to user space)"}

MEMORY = {
    "SLAB_LINEAR_OVERFLOW": r"^KASAN: slab-out-of-bounds Write in lkdtm_SLAB_LINEAR_OVERFLOW$",
    "WRITE_AFTER_FREE": r"^KASAN: slab-use-after-free Write in lkdtm_WRITE_AFTER_FREE$",
    "READ_AFTER_FREE": r"^KASAN: slab-use-after-free Read in lkdtm_READ_AFTER_FREE$",
    "WRITE_BUDDY_AFTER_FREE": r"^KASAN: use-after-free Write in lkdtm_WRITE_BUDDY_AFTER_FREE$",
    "READ_BUDDY_AFTER_FREE": r"^KASAN: use-after-free Read in lkdtm_READ_BUDDY_AFTER_FREE$",
    "SLAB_FREE_DOUBLE": r"^KASAN: double-free.* in lkdtm_SLAB_FREE_DOUBLE$",
}

TRIGGERS = {
    **(DEATHS | STACK_CONTENTS | WARNINGS | ACCESSES | STACKS | EXECUTED | READ_ONLY),
    **(REFERENCE_COUNTS | COPIES | BOUNDS | LOCKS | MEMORY),
}
# what s390x's kernel says with KASAN
S390_CHECKED = {
    # who is asked for an object's place divides by the size of its cache: at NULL there happens to be 0
    "SLAB_FREE_PAGE": r"^fixpoint divide exception in lkdtm_SLAB_FREE_PAGE$",
    # the stacks have only the caller: the function ends by a jump to what frees, and the copy by one from
    # KASAN's to the kernel's
    "SLAB_FREE_DOUBLE": r"^KASAN: double-free.* in lkdtm_do_action$",
    "WRITE_KERN": rf"{PAGING}.* in lkdtm_do_action$",
}

# the task that pulls one of these never comes back
LOCKUPS = {
    "SOFTLOCKUP": r"^BUG: soft lockup in lkdtm_SOFTLOCKUP$",
    "HUNG_TASK": r"^INFO: task hung in lkdtm_HUNG_TASK$",
}

# a processor that masks all interrupts says where it is when an NMI comes, which only x86_64 has
MASKED = {
    "HARDLOCKUP": r"^hard lockup in lkdtm_HARDLOCKUP$",
    "SMP_CALL_LOCKUP": r"^(BUG: soft|hard) lockup in (__)?lkdtm_SMP_CALL_LOCKUP$",
}
UNSEEN = {
    "HARDLOCKUP": "^hard lockup$",
    # or of the one that waits for it
    "SMP_CALL_LOCKUP": r"^(BUG: soft lockup in lkdtm_SMP_CALL_LOCKUP|hard lockup)$",
}

# noticed by nothing that these kernels have, and why
UNNOTICED = {
    "LOOP": "a loop that can be preempted is a busy task; the harness's own deadline ends it",
    "REPORT_STACK": "prints an address",
    "REPORT_STACK_CANARY": "prints a canary",
    "UNALIGNED_LOAD_STORE_WRITE": "all three architectures can",
    "OVERFLOW_SIGNED": "UBSAN_INTEGER_WRAP is marked broken",
    "OVERFLOW_UNSIGNED": "as above",
    "FAM_BOUNDS": "clang 19 does not support __counted_by as the kernel wants it",
    "PTR_BOUNDS": "as above",
    "UNSET_SMEP": "depends on the emulated CPU",
    "DOUBLE_FAULT": "32-bit x86 only",
    "CORRUPT_PAC": "the emulated CPU has no pointer authentication",
    "EFI_RUNTIME_CRASH": "no EFI here",
    "SLAB_FREE_CROSS": "no CONFIG_SLAB_FREELIST_HARDENED here",
    "SLAB_INIT_ON_ALLOC": "asks for memory to be cleared, fails nothing",
    "BUDDY_INIT_ON_ALLOC": "as above",
    "WRITE_OPD": "no function descriptors here",
    "ATOMIC_TIMING": "measures",
    "REFCOUNT_TIMING": "measures",
    "USERCOPY_VMALLOC": "is refused without a word",
    "KSTACK_ERASE": "GCC's plugin only",
    "CFI_FORWARD_PROTO": "no CONFIG_CFI here",
    "CFI_BACKWARD": "no shadow call stack here",
    "PPC_SLB_MULTIHIT": "powerpc only",
    "PPC_RADIX_TLBIEL": "powerpc only",
}
