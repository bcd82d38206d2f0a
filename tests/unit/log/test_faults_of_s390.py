"""What s390 prints when the processor refuses something, in all its words.

The words are those of arch/s390/kernel/traps.c and arch/s390/mm/fault.c.
"""

from __future__ import annotations

import pytest
from tests.unit.log.dying import PAGING, read

from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, find_splats

_S390 = """\
Modules linked in: toy(O)
CPU: 0 UID: 0 PID: 71 Comm: insmod Tainted: G           O        7.3.4 #1
Hardware name: IBM 8561 T01 703 (LPAR)
Krnl PSW : 0704c00180000000 000003ff80a30024 (toy_go+0x24/0x60 [toy])
           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3
Krnl GPRS: 0000000000000000 0000000000000001 0000000000000000 0000000000000240
           000003ff80a30110 0000000000000000 0000000000000000 0000000000000000
Krnl Code: 000003ff80a30018: e3f0ff68ff71	lay	%r15,-152(%r15)
          #000003ff80a3001e: a7290000		lghi	%r2,0
          >000003ff80a30024: e32020000024	stg	%r2,0(%r2)
Call Trace:
 [<000003ff80a30024>] toy_go+0x24/0x60 [toy]
 [<000003ff80a30110>] toy_init+0x10/0x80 [toy]
 [<0000000000100e98>] do_one_initcall+0x60/0x2c0
 [<0000000000ba3b52>] __do_syscall+0x1da/0x208
 [<0000000000bb5c50>] system_call+0x70/0x98
Last Breaking-Event-Address:
 [<000003ff80a3010a>] toy_init+0xa/0x80 [toy]
---[ end trace 0000000000000000 ]---
"""


@pytest.mark.parametrize("flags", ["SMP ", " PREEMPT SMP DEBUG_PAGEALLOC"])
@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("addressing exception", 0x05),
        ("data exception", 0x07),
        ("execute exception", 0x03),
        ("fixpoint divide exception", 0x09),
        ("fixpoint overflow exception", 0x08),
        ("HFP square root exception", 0x1D),
        ("illegal operation", 0x01),
        ("monitor event", 0x40),
        ("operand exception", 0x15),
        ("privileged operation", 0x02),
        ("special operation exception", 0x13),
        ("specification exception", 0x06),
        ("transaction constraint exception", 0x218),
        ("Unexpected TEID", 0x04),
        ("Unknown program exception", 0x28),
        ("vector exception", 0x1B),
    ],
)
def test_words_of_die_on_s390_are_the_title(what: str, code: int, flags: str) -> None:
    found = read(f"{what}: {code:04x} ilc:3 [#1]{flags}", _S390)
    assert (found.kind, found.title) == (Kind.OOPS, f"{what} in toy_go")


@pytest.mark.parametrize("space", ["home", "primary", "secondary", "access register"])
@pytest.mark.parametrize(
    "words",
    [
        "kernel pointer dereference in virtual kernel address space",
        "kernel paging request in virtual user address space",
    ],
)
def test_bad_access_of_s390_is_named(words: str, space: str) -> None:
    found = read(
        f"Unable to handle {words}\nFailing address: 0000000000000000 TEID: 0000000000000483 ESOP-2 FSI\n"
        f"Fault in {space} mode while using kernel ASCE.\n"
        "AS:0000000002554007 R3:000000001fb98007 S:0000000000000020\nOops: 0004 ilc:3 [#1]SMP ",
        _S390,
    )
    assert (found.kind, found.title) == (Kind.OOPS, f"{PAGING} in toy_go")


def test_refused_instruction_of_s390_is_before_the_psw() -> None:
    """As of the only instruction of a function in memory that must not be executed."""
    report = _S390.replace(
        "Krnl PSW : 0704c00180000000 000003ff80a30024 (toy_go+0x24/0x60 [toy])",
        "Krnl PSW : 0704c00180000000 000003ff80a30026 (toy_text+0x0/0x60 [toy])",
    )
    assert "toy_text+0x0" in report
    text = (
        "Unable to handle kernel pointer dereference in virtual kernel address space\n"
        "Failing address: 000003ff80a30000 TEID: 000003ff80a30000\nOops: 0004 ilc:1 [#1]SMP "
    )
    assert read(text, report).title == f"{PAGING} in toy_go"


def test_bug_of_s390_is_one() -> None:
    bug = "kernel BUG at drivers/toy/toy.c:71!\nmonitor event: 0040 ilc:2 [#1]SMP "
    assert read(bug, _S390).kind is Kind.BUG


def test_fault_of_a_program_on_s390_is_not_the_kernels() -> None:
    text = "User process fault: interruption code 003b ilc:3 in toy[2aa00000000+1000]\n"
    text += "Failing address: 0000000000000000 TEID: 0000000000000800\n" + _S390.replace("Krnl", "User")
    assert find_splats(parse_console(text)) == ()


def test_caller_of_a_check_without_a_frame_is_the_last_jump() -> None:
    """A check of KASAN's calls nothing, and the stack then begins with the caller's caller."""
    checked = _S390.replace("toy_go+0x24/0x60 [toy]", "__asan_load8+0x28/0x80").replace(
        "toy_init+0xa/0x80 [toy]\n---", "toy_go+0x2a/0x70 [toy]\n---"
    )
    assert checked.count("toy_go") == 1
    head = "Unable to handle kernel pointer dereference in virtual kernel address space"
    assert read(f"{head}\nOops: 0038 ilc:3 [#1]SMP ", checked).title == f"{PAGING} in toy_go"
