"""Recognizes lines of a report by their beginning: registers, memory, locks, tasks, frames. Pure."""

from __future__ import annotations

import re

from rustbed.log.frame import match_counter, match_frame

# lines of a report's body other than frames
BODY = re.compile(
    r"""\s*+(?:
    # who and where
    (?:CPU|PID|Comm|Hardware\ name|Modules\ linked\ in|Workqueue|Tainted|Process|task|Call\ [Tt]race
       |Backtrace|Stack|Code|Krnl\ \w+|Last\ Breaking-Event-Address|stack\ backtrace|Current\ \w+\ pgtable
       |Showing\ all\ locks|NMI\ backtrace|Sending\ NMI|Exception\ stack|irq\ event\ stamp
       |hardirqs\ last|softirqs\ last)\b
    | \d{1,3}\.\d{1,4}\.\d{1,4}\S*\ .*(?:Not\ tainted|Tainted:) | </?[A-Z]\w*> | [=-]{20,}$
    # registers, memory, page tables
    | [REC][A-Z0-9]{1,2}\d?\ ?:\s
    | (?:pc|lr|sp|ra|gp|tp|epc|[xrast]\d{1,2}|pstate|[Ss]tatus|psr)\ *:\s
    # of loongarch
    | (?:pc|[ast]\d)\ [0-9a-f]{16}\  | (?:CRMD|PRMD|EUEN|ECFG|ESTAT|BADV|PRID):\s
    | (?:RSP|EFLAGS|[CDEFGS]S|PKRU|ORIG_RAX|PGD|PTE|\#PF|ESR|FSC|EC|ISV|CM)\b
    | (?:Mem|Data)\ abort\ info | \[[0-9a-f]{16}\]\ pgd= | (?:user|swapper)\ pgtable
    | (?:PC|LR)\ is\ at | Flags: | Register\ [rxs]\d
    | [0-9a-f]{4}:\ [0-9a-f]{8}\ | [> ]?\s?[0-9a-f]{8,16}:\s | \^$
    | [0-9a-f]{8}\ [0-9a-f]{8} | [0-9a-f]{16}\ [0-9a-f]{16}
    # sanitizers
    | (?:Read|Write|Free|Bytes?|Memory|Allocated|Freed|freed|allocated|The\ buggy|which\ belongs
       |Last\ potentially|page|flags|raw|kfence-\#|Uninit|Local\ variable|read|write|race\ at
       |Redzone|Object|Padding|Slab
       |value\ changed|Reported\ by|index|shift|load|Corrupted|Out-of-bounds|Use-after-free|Invalid)\b
    # locks
    | (?:but\ task|is\ trying|which\ lock|the\ existing|other\ info|Possible\ |due\ to|lock\(|\*\*\*
       |\d+\ locks?\ held|no\ locks\ held|context-|rcu_scheduler|Preemption\ disabled|in_atomic
       |preempt_count|RCU\ nest|->\ \#|\#\d+:|CPU0
       |(?:[0-9a-f]{8,16}\ )?\(.{1,80}\)\{|but\ there\ are|\(stack\ is\ not)
    # hangs
    | (?:Showing\ busy|workqueue\ |pwq\ |in-flight:|pending:|pool\ \d)
    | (?:"echo\ 0|Not\ tainted|\(detected|\(t=|rcu:|rcu_\w+\ kthread) | \d+-[.O]+:
    # the code that scripts/decodecode takes apart
    | All\ code$ | Code\ starting\ with | [0-9a-f]{1,4}:\*?\t
    # the end
    | (?:Kernel\ Offset|Rebooting\ in|note:|SMP:\ stopping|CPU\ features|Memory\ Limit|Dumping\ ftrace
       |\(ftrace|PHYS_OFFSET)
    )""",
    re.VERBOSE,
)


def is_of_report(text: str) -> bool:
    """Whether a line looks like a part of a report."""
    return bool(BODY.match(text) or match_frame(text) or match_counter(text))
