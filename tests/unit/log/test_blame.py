"""Whom a report blames: code of modules, and functions that keep no frame."""

from __future__ import annotations

import pytest

from harness.log.record import parse_console
from harness.log.splat import find_splats

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


@pytest.mark.parametrize(
    ("log", "title"),
    [
        (_NAMED_LIKE_PLUMBING, "kernel BUG in bug_in_toy"),
        (_FRAMELESS_X86, "BUG: unable to handle kernel paging request in toy_copy"),
        (_FRAMELESS_ARM64, "BUG: unable to handle kernel paging request in toy_clear"),
        (_WITH_FRAME, "BUG: unable to handle kernel paging request in toy_sum"),
        (_BAD_PAGE, "BUG: Bad page state in toy_get_page"),
        (_LOOP, "BUG: soft lockup in toy_spin"),
        (_LOOP.replace(" [toy]", ""), "BUG: soft lockup in full_proxy_write"),
    ],
    ids=["module", "x86_64", "arm64", "with-frame", "bad-page", "loop-in-module", "loop-in-kernel"],
)
def test_blamed_function(log: str, title: str) -> None:
    assert [splat.title for splat in find_splats(parse_console(log))] == [title]
