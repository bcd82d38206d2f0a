"""Formats of lockups, stalls and hung tasks."""

from __future__ import annotations

from rustbed.log.formats.row import Blames, Kind, Row

STALLS = (
    Row(
        kind=Kind.SOFT_LOCKUP,
        pattern=r"(?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#",
        literals=("BUG",),
        title="BUG: soft lockup",
        blames=Blames.HANDLER,
        is_shared=True,
    ),
    Row(
        kind=Kind.HARD_LOCKUP,
        # powerpc's own watchdog says "CPU 1 self-detected hard LOCKUP"
        pattern=r"(?:(?:NMI )?watchdog: )?(?:CPU\d+: )?(?:Watchdog (?:CPU:\d+ )?|CPU \d+ (?:self-)?)"
        r"detected hard LOCKUP",
        literals=("detected hard LOCKUP",),
        title="hard lockup",
        blames=Blames.HANDLER,
        is_shared=True,
    ),
    Row(
        kind=Kind.RCU_STALL,
        pattern=r"(?:rcu\w*: )?INFO: rcu\w*:? (?:self-)?detected (?:expedited )?stalls?"
        r"(?: on|, but suppressed)",
        literals=("INFO: ",),
        title="INFO: rcu detected stall",
        blames=Blames.HANDLER,
        is_shared=True,
    ),
    Row(
        kind=Kind.HUNG_TASK,
        pattern=r"INFO: task .{1,40}:\d+ (?:blocked.*|can't die) for more than \d+ seconds",
        literals=("INFO: ",),
        title="INFO: task hung",
        # the report may show other processors, too
        is_shared=True,
    ),
    Row(
        kind=Kind.WORKQUEUE_LOCKUP,
        pattern="BUG: workqueue lockup",
        literals=("BUG",),
        title="BUG: workqueue lockup",
        located=False,
        traced=False,
        is_shared=True,
    ),
)
