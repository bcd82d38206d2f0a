"""Formats of the sanitizers' reports, after which the kernel goes on."""

from __future__ import annotations

from rustbed.log.formats.row import AT, RULE, SYMBOL, Kind, Row, Stage

SANITIZERS = (
    Row(
        kind=Kind.KASAN,
        pattern=rf"BUG: KASAN: (?P<what>[\w-]+)(?: in (?:{AT})?)?",
        literals=("KASAN: ",),
        title="KASAN: {what} {access}",
        closing=RULE,
    ),
    # before 4.6
    Row(
        kind=Kind.KASAN,
        pattern=rf"BUG: KASan: (?P<what>[\w -]{{1,40}}?)(?: access)? (?:in {AT}|on address)",
        literals=("KASan: ",),
        title="KASAN: {what} {access}",
        closing=RULE,
    ),
    Row(
        kind=Kind.KFENCE,
        pattern=rf"BUG: KFENCE: (?P<what>[\w -]+?)(?: in {AT}|$)",
        literals=("BUG",),
        title="KFENCE: {what}",
        closing=RULE,
    ),
    Row(
        kind=Kind.KCSAN,
        pattern=rf"BUG: KCSAN: (?P<what>[\w: -]+ in (?P<function>{SYMBOL})(?: / {SYMBOL})?)",
        literals=("BUG",),
        title="KCSAN: {what}",
        located=False,
        is_shared=True,
        closing=RULE,
    ),
    Row(
        kind=Kind.KMSAN,
        pattern=rf"BUG: KMSAN: (?P<what>[\w-]+)(?: in {AT})?",
        literals=("BUG",),
        title="KMSAN: {what}",
        closing=RULE,
    ),
    # a trap of x86, CONFIG_UBSAN_TRAP; an oops follows
    Row(
        kind=Kind.UBSAN,
        pattern=rf"UBSAN: (?P<what>[\w /-]{{1,60}}?) (?:at|in) {AT}",
        literals=("UBSAN: ",),
        title="UBSAN: {what}",
        stage=Stage.MESSAGE,
        ends_task=True,
    ),
    Row(
        kind=Kind.UBSAN,
        pattern=r"UBSAN: (?P<what>[\w -]+?) in ",
        literals=("UBSAN: ",),
        title="UBSAN: {what}",
        closing=rf"---\[ end trace|{RULE}",
    ),
)
