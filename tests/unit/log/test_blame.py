"""Whom a report blames: code of modules, and functions that keep no frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.log.examples import LOGS

from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats

# a driver's function may be called like a part of the kernel
_NAMED_LIKE_PLUMBING = """\
[    1.000000] kernel BUG at drivers/toy.c:139!
[    1.000000] Oops: invalid opcode: 0000 [#1] SMP
[    1.000000] RIP: 0010:bug_in_toy+0x4/0x10 [toy]
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  toy_write+0x12d/0x2f0 [toy]
[    1.000000]  vfs_write+0x4e/0xe0
[    1.000000] ---[ end trace 0000000000000000 ]---
"""

_FRAMELESS_X86 = """\
[    1.000000] BUG: unable to handle page fault for address: ffffffffa00020d0
[    1.000000] Oops: Oops: 0003 [#1] SMP
[    1.000000] RIP: 0010:memcpy+0xc/0x20
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  ? toy_copy+0x42/0x60 [toy]
[    1.000000]  toy_write+0x14/0x20 [toy]
[    1.000000]  vfs_write+0xf6/0x350
[    1.000000] ---[ end trace 0000000000000000 ]---
"""

_FRAMELESS_ARM64 = """\
[    1.000000] Unable to handle kernel paging request at virtual address ffff800080927cc8
[    1.000000] Internal error: Oops: 0000000096000047 [#1] SMP
[    1.000000] pc : __pi_memset_generic+0x50/0x188
[    1.000000] lr : toy_clear+0x38/0xb0 [toy]
[    1.000000] Call trace:
[    1.000000]  __pi_memset_generic+0x50/0x188 (P)
[    1.000000]  toy_write+0x18/0x30 [toy]
[    1.000000]  vfs_write+0x118/0x3b0
[    1.000000] ---[ end trace 0000000000000000 ]---
"""

# a function that keeps a frame was called by the first certain one, whatever lies on the stack
_WITH_FRAME = _FRAMELESS_X86.replace("memcpy", "toy_sum")

# a loop is named by the syscall's handler; one in a driver by the driver
_LOOP = """\
[   36.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 6s! [sh:62]
[   36.000000] softirqs last disabled at (2749): [<ffffffff810a861c>] __irq_exit_rcu+0xbc/0x190
[   36.000000] RIP: 0010:toy_spin+0x15/0x20 [toy]
[   36.000000] Call Trace:
[   36.000000]  <TASK>
[   36.000000]  toy_write+0x14/0x20 [toy]
[   36.000000]  full_proxy_write+0x87/0x120
[   36.000000]  vfs_write+0xf6/0x350
[   36.000000]  do_syscall_64+0x72/0x1e0
"""


# whoever frees a page finds it bad, its owner left it so
_BAD_PAGE = """\
[   65.000000] BUG: Bad page state in process toy  pfn:7deea
[   65.000000] page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set
[   65.000000] page_owner tracks the page as allocated
[   65.000000] page last allocated via order 0, migratetype Unmovable, gfp_mask 0x40c40(GFP_NOFS)
[   65.000000]  __set_page_owner+0xa2/0x70c
[   65.000000]  post_alloc_hook+0x1f3/0x230
[   65.000000]  __alloc_pages_noprof+0x256/0x6c0
[   65.000000]  __filemap_get_folio+0x44e/0xc10
[   65.000000]  pagecache_get_page+0x2c/0x200
[   65.000000]  toy_get_page+0x2b4/0x1050
[   65.000000] page last free pid 5083 tgid 5083 stack trace:
[   65.000000]  free_unref_page+0xd19/0xea0
[   65.000000]  toy_other+0x3b9/0x620
[   65.000000] CPU: 0 PID: 5098 Comm: toy Not tainted
[   65.000000] Call Trace:
[   65.000000]  bad_page+0x176/0x1d0
[   65.000000]  folio_batch_move_lru+0x4e0/0x860
[   65.000000]  do_syscall_64+0x72/0x1e0
"""


# an interface that warns of its callers
_CHECKER = """\
[    1.000000] WARNING: drivers/usb/core/urb.c:503 at usb_submit_urb+0xa7d/0x1860, CPU#1: kworker/1:2/88
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  usb_start_wait_urb+0x101/0x4c0
[    1.000000]  usb_control_msg+0x31c/0x4a0
[    1.000000]  toy_reset+0x9a/0x130
[    1.000000]  process_one_work+0x9cc/0x1b70
[    1.000000] ---[ end trace 0000000000000000 ]---
"""

# a helper that no table knows, of an allocator; and one that an interrupt had called there
_PART = """\
[    1.000000] BUG: KASAN: slab-use-after-free in toy_shelf_get+0x1a/0x40
[    1.000000] Read of size 8 at addr ffff888103a4b010 by task sh/92
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  kasan_report+0xb5/0xf0
[    1.000000]  toy_shelf_get+0x1a/0x40
[    1.000000]  kmem_cache_alloc_noprof+0x128/0x400
[    1.000000]  toy_open+0x3c/0x110
[    1.000000]  do_syscall_64+0x82/0x170
"""
_INTERRUPTS_A_PART = _PART.replace(
    "  kmem_cache_alloc", "  irq_exit_rcu+0x9/0x20\n[    1.000000]  kmem_cache_alloc"
)

# nobody but the exception's own code is there
_EXCEPTION = """\
[    1.000000] BUG: using __this_cpu_read() in preemptible [00000000] code: sh/99
[    1.000000] Call Trace:
[    1.000000]  dump_stack+0x107/0x163
[    1.000000]  check_preemption_disabled+0x123/0x130
[    1.000000]  __bad_area_nosemaphore+0xc6/0x400
[    1.000000]  exc_page_fault+0x9e/0x180
[    1.000000]  asm_exc_page_fault+0x1e/0x30
"""

# arm's lines name two functions, function and caller; panic() never returns to its own
_ARM = """\
[    1.000000] refcount_t: underflow; use-after-free.
[    1.000000] WARNING: CPU: 1 PID: 46 at lib/refcount.c:28 refcount_warn_saturate+0x13c/0x174
[    1.000000] Call trace:
[    1.000000] [<8195d4bc>] (show_stack) from [<8195df7c>] (panic+0x120/0x368)
[    1.000000] [<8195de5c>] (panic) from [<802421e4>] (toy_laid_out_behind+0x0/0x1c)
[    1.000000] [<80242170>] (check_panic_on_warn) from [<80242338>] (__warn+0x7c/0x180)
[    1.000000] [<80813e10>] (refcount_warn_saturate) from [<81344bf8>] (toy_disconnect+0x98/0x9c)
"""

# arm64 says where it stopped, and then prints the stack of its own panic; arch/arm64/kernel/traps.c
_PRINTED_ABOVE = """\
[    1.000000] SError Interrupt on CPU1, code 0x00000000be000011 -- SError
[    1.000000] CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1 PREEMPT
[    1.000000] pc : toy_read_status+0x24/0x60
[    1.000000] lr : toy_irq_enable+0x40/0x88
[    1.000000] sp : ffff800081a33c10
[    1.000000] Kernel panic - not syncing: Asynchronous SError Interrupt
[    1.000000] CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1 PREEMPT
[    1.000000] Call trace:
[    1.000000]  show_stack+0x18/0x24 (C)
[    1.000000]  dump_stack_lvl+0x60/0x80
[    1.000000]  vpanic+0xf8/0x2dc
[    1.000000]  nmi_panic+0x8c/0x90
[    1.000000]  arm64_serror_panic+0x70/0x80
[    1.000000]  do_serror+0x58/0x74
[    1.000000]  el1h_64_error_handler+0x38/0x60
[    1.000000]  el1h_64_error+0x70/0x74
[    1.000000]  toy_read_status+0x24/0x60 (P)
[    1.000000]  toy_irq_enable+0x40/0x88
[    1.000000]  el0t_64_sync+0x198/0x19c
[    1.000000] ---[ end Kernel panic - not syncing: Asynchronous SError Interrupt ]---
"""


@pytest.mark.parametrize(
    ("log", "title"),
    [
        (_PRINTED_ABOVE, "kernel panic: Asynchronous SError Interrupt in toy_read_status"),
        (_CHECKER, "WARNING in toy_reset/usb_submit_urb"),
        (_PART, "KASAN: slab-use-after-free Read in toy_open"),
        (_INTERRUPTS_A_PART, "KASAN: slab-use-after-free Read in toy_shelf_get"),
        (_EXCEPTION, "BUG: using __this_cpu_read() in preemptible code in __bad_area_nosemaphore"),
        (_ARM, "WARNING: refcount bug in toy_disconnect"),
        (_NAMED_LIKE_PLUMBING, "kernel BUG in bug_in_toy"),
        (_FRAMELESS_X86, "BUG: unable to handle kernel paging request in toy_copy"),
        (_FRAMELESS_ARM64, "BUG: unable to handle kernel paging request in toy_clear"),
        (_WITH_FRAME, "BUG: unable to handle kernel paging request in toy_sum"),
        (_BAD_PAGE, "BUG: Bad page state in toy_get_page"),
        (_LOOP, "BUG: soft lockup in toy_spin"),
        (_LOOP.replace(" [toy]", ""), "BUG: soft lockup in full_proxy_write"),
    ],
    ids=[
        "printed-above",
        "checker",
        "part",
        "interrupted-part",
        "exception",
        "arm",
        "module",
        "x86_64",
        "arm64",
        "with-frame",
        "bad-page",
        "loop-in-module",
        "loop-in-kernel",
    ],
)
def test_blamed_function(log: str, title: str) -> None:
    assert [splat.title for splat in find_splats(parse_console(log))] == [title]


def test_interrupt_in_which_loongarch_fails_is_not_what_fails() -> None:
    """As in the log, but with a function in the place of the processor's idling."""
    records = [
        replace(record, text=record.text.replace("arch_cpu_idle+0xc/0x20", "toy_go+0xc/0x20"))
        for record in LOGS["timer_after_unload_loongarch"]
        if not record.text.startswith("   ra: ")
    ]
    (found,) = find_splats(records)
    assert found.function == "toy_go"


# a kernel of another vendor has a panic of its own; no table has its steps
_STEPS_OF_CHECK = """\
[    5.000000] BUG: scheduling while atomic: sh/62/0x00000002
[    5.000000] Call Trace:
[    5.000000]  dump_stack+0x1c/0x20
[    5.000000]  vendor_stop+0x1f/0x40
[    5.000000]  vendor_stop_saving+0x72/0x90
[    5.000000]  __schedule_bug+0x5a/0x70
[    5.000000]  __schedule+0x6d/0x7e0
[    5.000000]  schedule+0x3a/0xb0
[    5.000000]  toy_wait+0x4e/0xe0
[    5.000000]  vfs_write+0x4e/0xe0
"""


@pytest.mark.parametrize(
    ("check", "function"),
    [
        ("__schedule_bug", "toy_wait"),
        # the callee of another service is not a step of a check that the service calls
        ("kmem_cache_alloc", "vendor_stop"),
    ],
)
def test_all_that_a_check_leads_to_only_reports(check: str, function: str) -> None:
    (splat,) = find_splats(parse_console(_STEPS_OF_CHECK.replace("__schedule_bug", check)))
    assert splat.function == function


def test_exception_in_the_callee_of_a_check_is_not_a_report() -> None:
    log = _FRAMELESS_X86.replace("memcpy", "toy_compare").replace("? toy_copy", "toy_look_up")
    log = log.replace("toy_write", "find_and_remove_object")
    (splat,) = find_splats(parse_console(log.replace(" [toy]", "")))
    assert splat.function == "toy_compare"
