"""Whole reports as other architectures and unusual ways of dying print them: what, where, which lines."""

from __future__ import annotations

import pytest

from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, find_splats

# what follows the headlines of x86 and arm64
_X86 = """\
CPU: 1 UID: 0 PID: 71 Comm: insmod Tainted: G           O       6.12.1 #1
RIP: 0010:toy_go+0x24/0x60 [toy]
Call Trace:
 <TASK>
 toy_init+0x10/0x1000 [toy]
 do_one_initcall+0x48/0x2a0
 entry_SYSCALL_64_after_hwframe+0x76/0x7e
 </TASK>
---[ end trace 0000000000000000 ]---
"""
_ARM64 = """\
CPU: 2 PID: 71 Comm: insmod Not tainted 6.12.1 #1
pc : toy_go+0x24/0x60 [toy]
lr : toy_init+0x10/0x1000 [toy]
Call trace:
 toy_go+0x24/0x60 [toy]
 toy_init+0x10/0x1000 [toy]
 el0t_64_sync+0x190/0x194
---[ end trace 0000000000000000 ]---
"""
_LOONGARCH = """\
CPU 1 Unable to handle kernel paging request at virtual address 0000000000000040, era == ffff8000020a4018
Oops[#1]:
CPU: 1 UID: 0 PID: 71 Comm: insmod Tainted: G           O  6.12.1 #1
   ra: ffff8000020a4200 toy_init+0x30/0x80 [toy]
  ERA: ffff8000020a4018 toy_go+0x18/0x40 [toy]
"""
_MIPS = """\
{headline}
CPU: 0 PID: 71 Comm: insmod Not tainted 5.15.1 #0
epc   : 82a1b0c4 toy_go+0x44/0x80 [toy]
ra    : 82a1b200 toy_init+0x10/0x40 [toy]
Call Trace:
[<82a1b0c4>] toy_go+0x44/0x80 [toy]
[<82a1b200>] toy_init+0x10/0x40 [toy]
"""
_SPARC = """\
Unable to handle kernel NULL pointer dereference
insmod(71): Oops [#1]
CPU: 0 PID: 71 Comm: insmod Tainted: G           O       6.6.1 #1
TPC: <toy_go+0x18/0x40 [toy]>
RPC: <toy_init+0x30/0x80 [toy]>
Call Trace:
[<0000000010a40200>] toy_init+0x30/0x80 [toy]
[<0000000000427234>] do_one_initcall+0x50/0x1f0
"""
_PARISC = """\
Kernel Fault: Code=15 (Data TLB miss fault) at addr 0000000000000018
CPU: 0 PID: 71 Comm: insmod Tainted: G           O       6.6.1 #1
 IAOQ[0]: toy_go+0x18/0x40 [toy]
 RP(r2): toy_init+0x30/0x80 [toy]
Backtrace:
 [<0000000040a40200>] toy_init+0x30/0x80 [toy]
 [<0000000040202234>] do_one_initcall+0x50/0x1f0
"""
_M68K = """\
Unable to handle kernel NULL pointer dereference at virtual address 00000018
Oops: 00000000
PC: [<00a40018>] toy_go+0x18/0x40 [toy]
Process insmod (pid: 71, task=00a3e000)
Call Trace:
 [<00a40200>] toy_init+0x30/0x80 [toy]
 [<00002234>] do_one_initcall+0x50/0x1f0
"""
_ZFS = """\
PANIC at toy_tree.c:88:toy_go()
Showing stack for process 71
CPU: 0 PID: 71 Comm: toyd Tainted: P           O       6.6.1 #1
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 spl_panic+0xc8/0x110 [spl]
 toy_go+0x24/0x60 [toyfs]
 kthread+0xe5/0x110
 </TASK>
"""
# the same assertion, whose module tells thread and place on each line
_LUSTRE = """\
ToyError: 71:0:(toy_tree.c:88:toy_go()) ASSERTION( toy_count(tree) > 0 ) failed:
ToyError: 71:0:(toy_tree.c:88:toy_go()) LBUG
Pid: 71, comm: toyd 5.14.0 #1 SMP
Call Trace TBD:
 libtoy_call_trace+0x90/0xf0 [libtoy]
 lbug_with_loc+0x3e/0x80 [libtoy]
 toy_go+0x24/0x60 [toyfs]
 kthread+0xe5/0x110
"""
_NULL = "BUG: unable to handle kernel NULL pointer dereference in toy_go"


@pytest.mark.parametrize(
    ("log", "kind", "title"),
    [
        (f"Internal error: BRK handler: f20003e8 [#1] SMP\n{_ARM64}", Kind.OOPS, "BRK handler in toy_go"),
        (
            f"Unexpected kernel BRK exception at EL1\nInternal error: BRK handler: f2000800 [#1]\n{_ARM64}",
            Kind.OOPS,
            "Unexpected kernel BRK exception in toy_go",
        ),
        (
            "Internal error: Accessing user space memory outside uaccess.h routines: 96000004"
            f" [#1] PREEMPT SMP\n{_ARM64}",
            Kind.OOPS,
            "Accessing user space memory outside uaccess.h routines in toy_go",
        ),
        (
            f"Internal error: UBSAN: shift out of bounds: 00000000f2005514 [#1] SMP\n{_ARM64}",
            Kind.UBSAN,
            "UBSAN: shift out of bounds in toy_go",
        ),
        (f"Internal error: Oops - FPAC: 0000000072000000 [#1] SMP\n{_ARM64}", Kind.OOPS, "FPAC in toy_go"),
        (
            "Bad mode in Synchronous Abort handler detected on CPU2, code 0x86000006 -- IABT (current EL)\n"
            f"Internal error: Oops - bad mode: 0 [#1] SMP\n{_ARM64}",
            Kind.PANIC,
            "kernel panic: unhandled Synchronous Abort handler in toy_go",
        ),
        (f"Oops: control protection: 0003 [#1]\n{_X86}", Kind.OOPS, "control protection in toy_go"),
        (f"alignment check: 0000 [#1] SMP PTI\n{_X86}", Kind.OOPS, "alignment check in toy_go"),
        (_LOONGARCH, Kind.OOPS, _NULL),
        (_MIPS.format(headline="Kernel bug detected[#1]:"), Kind.OOPS, "Kernel bug detected in toy_go"),
        (
            _MIPS.format(headline="Unhandled kernel unaligned access[#1]:"),
            Kind.OOPS,
            "Unhandled kernel unaligned access in toy_go",
        ),
        (
            _MIPS.format(headline="Data bus error, epc == 82a1b0c4, ra == 82a1b200\nOops[#1]:"),
            Kind.OOPS,
            "Data bus error in toy_go",
        ),
        (_SPARC, Kind.OOPS, _NULL),
        (_PARISC, Kind.OOPS, "Data TLB miss fault in toy_go"),
        (_M68K, Kind.OOPS, _NULL),
        (_ZFS, Kind.BUG_REPORT, "PANIC in toy_go"),
        (_LUSTRE, Kind.BUG_REPORT, "PANIC in toy_go"),
    ],
)
def test_report_is_one_from_its_first_line_to_its_last(log: str, kind: Kind, title: str) -> None:
    records = parse_console("".join(f"[   12.000000] {line}\n" for line in log.splitlines()))
    (found,) = find_splats(records)
    assert (found.kind, found.title, found.function) == (kind, title, "toy_go")
    assert (found.first, found.last) == (0, len(records) - 1)


_STALL = """\
rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: {{ 1-.... }} 21 jiffies s: 101 root: 0x2/.
rcu: blocking rcu_node structures (internal RCU debug):
Task dump for CPU 1:
task:kworker/1:2     state:R  running task     stack:0     pid:71    ppid:2      flags:0x00004008
Workqueue: events toy_scan [toy]
Call Trace:
 <TASK>
 {stack}
 process_one_work+0x1cb/0x3a0
 worker_thread+0x50/0x3a0
 kthread+0xe8/0x120
 ret_from_fork+0x34/0x50
 </TASK>
"""


@pytest.mark.parametrize(
    ("stack", "function"),
    [
        ("__schedule+0x240/0x5c0\n __cond_resched+0x1f/0x30", "toy_scan"),
        ("__schedule+0x240/0x5c0\n schedule+0x2e/0x100\n schedule_timeout+0x8/0x20", "toy_scan"),
        ("msleep+0x20/0x30\n toy_wait+0x8/0x20 [toy]\n toy_scan+0x8/0x20 [toy]", "toy_wait"),
    ],
)
def test_stall_of_a_work_item_is_blamed_on_it_and_not_on_the_scheduler(stack: str, function: str) -> None:
    (found,) = find_splats(parse_console(_STALL.format(stack=stack)))
    assert found.title == f"INFO: rcu detected stall in {function}"


_QUEUE = """\
BUG: unable to handle page fault for address: 0000000000010000
Oops: Oops: 0000 [#1] PREEMPT SMP PTI
CPU: 1 UID: 0 PID: 71 Comm: toyd Tainted: G           O       6.12.1 #1
RIP: 0010:{queue}+0x50/0x90
Call Trace:
 <TASK>
 {runner}+0x2e4/0xad0
 {outer}+0x30/0x80
 entry_SYSCALL_64_after_hwframe+0x76/0x7e
 </TASK>
"""


@pytest.mark.parametrize(
    ("queue", "runner", "outer"),
    [
        ("task_work_run", "do_exit", "do_group_exit"),
        ("rcu_do_batch", "rcu_core", "handle_softirqs"),
        ("process_one_work", "worker_thread", "kthread"),
        ("tasklet_action_common", "toy_poll_loop", "toy_thread"),
    ],
)
def test_broken_entry_of_a_queue_is_not_blamed_on_who_runs_the_queue(
    queue: str, runner: str, outer: str
) -> None:
    (found,) = find_splats(parse_console(_QUEUE.format(queue=queue, runner=runner, outer=outer)))
    assert (found.function, found.damage) == (queue, "")
