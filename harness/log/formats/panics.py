"""Formats of panics: Rust's, and the kernel's last words."""

from __future__ import annotations

import re

from rustbed.log.formats.faults import STOPPED
from rustbed.log.formats.row import AT, Blames, Kind, Row, Stage

# before 6.7 a Rust panic's message is in quotes, perhaps over several lines, and its place follows
CLOSING_QUOTE = re.compile(r"(?:[^\n]*\n)*?[^\n]*', (?P<file>[^\n']+):(?P<line>\d+):\d+$")

RUST_PANICS = (
    Row(
        kind=Kind.RUST_PANIC,
        pattern=r"rust_kernel: panicked at (?P<quote>')(?P<message>[^\n]*?)"
        r"(?:', (?P<where>[^\n']+:\d+:\d+))?(?:\n|$)",
        literals=("panicked at",),
        title="{message}",
        stage=Stage.MESSAGE,
        ends_task=True,
    ),
    # rust/kernel/lib.rs; the message is the second line, on a console another record
    Row(
        kind=Kind.RUST_PANIC,
        pattern=r"rust_kernel: panicked at (?P<where>[^\n]*?):?(?:\n(?P<message>[^\n]+)|\n|$)",
        literals=("panicked at",),
        title="{message}",
        stage=Stage.MESSAGE,
        ends_task=True,
    ),
)

PANICS = (
    # panics that follow from an earlier report
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>[^\n]*(?:Fatal exception|panic_on_warn|panic_on_oops"
        r"|warned too often|hung_task:|softlockup:|RCU Stall|Hard LOCKUP"
        r"|panic_on_oom|workqueue: |scheduling while atomic|deadlocked on memory|no killable processes"
        r"|Machine halted|[Ff]atal (?:local )?machine check))",
        literals=("Kernel panic",),
        title="kernel panic: {what}",
        located=False,
        traced=False,
        stage=Stage.DEATH,
        continues=frozenset(Kind),
        ends_task=True,
    ),
    # arm64: errors that the processor cannot recover from; the lines before have the place
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>Asynchronous SError Interrupt"
        r"|bad mode|Unhandled exception)",
        literals=("Kernel panic",),
        title="kernel panic: {what}",
        stage=Stage.DEATH,
        continues=frozenset({Kind.PANIC}),
        ends_task=True,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"Kernel panic - not syncing: (?:[Kk]ernel stack overflow|Invalid kernel stack pointer)",
        literals=("Kernel panic",),
        title="kernel stack overflow",
        blames=Blames.HANDLER,
        stage=Stage.DEATH,
        continues=frozenset({Kind.STACK_OVERFLOW}),
        ends_task=True,
    ),
    # the task that died of an oops was init
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>Attempted to kill init!"
        r"|Aiee, killing interrupt handler!|Attempted to kill the idle task!)",
        literals=("Kernel panic",),
        title="kernel panic: {what}",
        located=False,
        traced=False,
        stage=Stage.DEATH,
        continues=STOPPED,
        ends_task=True,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"Kernel panic - not syncing: corrupted stack end detected inside scheduler",
        literals=("Kernel panic",),
        title="kernel panic: corrupted stack end",
        blames=Blames.HANDLER,
        stage=Stage.DEATH,
        ends_task=True,
    ),
    # it has only the address of the function that detected it, in older kernels without a name
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
        rf"(?:{AT}|[0-9a-fx]+)",
        literals=("Kernel panic",),
        title="kernel panic: stack is corrupted",
        traced=False,
        stage=Stage.DEATH,
        ends_task=True,
    ),
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: ?(?P<what>[^\n]*)",
        literals=("Kernel panic",),
        title="kernel panic: {what}",
        located=False,
        traced=False,
        stage=Stage.DEATH,
        ends_task=True,
    ),
)
