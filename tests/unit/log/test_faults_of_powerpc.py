"""What powerpc prints when the processor refuses something, in all its words.

The words are those of arch/powerpc/kernel/traps.c and arch/powerpc/mm/fault.c.
"""

from __future__ import annotations

import pytest
from tests.unit.log.dying import NULL, PAGING, read
from tests.unit.log.examples import LOGS

from rustbed.log.record import parse_console
from rustbed.log.registers import without_state
from rustbed.log.splat import Kind, find_splats

_POWER = """\
LE PAGE_SIZE=64K MMU=Radix  SMP NR_CPUS=2048 NUMA pSeries
Modules linked in: toy(O) vmx_crypto
CPU: 3 UID: 0 PID: 71 Comm: insmod Tainted: G           O        7.3.4 #1 VOLUNTARY
Hardware name: IBM pSeries (emulated by qemu) POWER10 (architected) 0x801200 0xf000006 of:SLOF,HEAD
NIP:  c008000001a30024 LR: c008000001a30110 CTR: c000000000a3c820
REGS: c00000000548f7e0 TRAP: 0300   Tainted: G           O         (7.3.4)
MSR:  8000000000009033 <SF,EE,ME,IR,DR,RI,LE>  CR: 28248484  XER: 00000004
CFAR: c008000001a30108 DAR: 0000000000000010 DSISR: 40000000 IRQMASK: 0
GPR00: c008000001a30110 c00000000548fa80 c0000000028f0200 0000000000000000
GPR04: c00000000548fa80 0000000000000000 0000000000000001 0000000000000000
NIP [c008000001a30024] toy_go+0x24/0x60 [toy]
LR [c008000001a30110] toy_init+0x10/0x80 [toy]
Call Trace:
[c00000000548fa80] [c008000001a30100] toy_init+0x0/0x80 [toy] (unreliable)
[c00000000548fab0] [c008000001a30110] toy_init+0x10/0x80 [toy]
[c00000000548fae0] [c000000000011e98] do_one_initcall+0x60/0x2c0
[c00000000548fbc0] [c0000000002a3540] do_init_module+0x6c/0x2d0
[c00000000548fc40] [c0000000002a6a64] sys_finit_module+0x2c4/0x500
[c00000000548fd20] [c00000000002f1a4] system_call_exception+0x114/0x2c0
[c00000000548fe50] [c00000000000d05c] system_call_vectored_common+0x15c/0x2ec
---- interrupt: 3000 at 0x7fff9a3b2c68
NIP:  00007fff9a3b2c68 LR: 00007fff9a3b2c68 CTR: 0000000000000000
REGS: c00000000548fe80 TRAP: 3000   Tainted: G           O         (7.3.4)
MSR:  800000000280f033 <SF,VEC,VSX,EE,PR,FP,ME,IR,DR,RI,LE>  CR: 28222248  XER: 00000000
IRQMASK: 0
GPR00: 0000000000000161 00007fffcf7d3a10 00007fff9a4a6f00 0000000000000003
NIP [00007fff9a3b2c68] 0x7fff9a3b2c68
LR [00007fff9a3b2c68] 0x7fff9a3b2c68
---- interrupt: 3000
Code: 60000000 7c0802a6 f8010010 f821ffd1 39200000 <e9290010> 38210030 e8010010
---[ end trace 0000000000000000 ]---
"""
_POWER_32 = """\
BE PAGE_SIZE=4K PowerPC 44x Platform
CPU: 0 PID: 71 Comm: insmod Not tainted 5.4.163 #0
NIP:  d1a30024 LR: d1a30110 CTR: c03ed36c
REGS: cfa59950 TRAP: 0300   Not tainted  (5.4.163)
MSR:  00021000 <CE,ME>  CR: 42000222  XER: 00000000
DEAR: 00000000 ESR: 00000000
GPR00: d1a30110 cfa59a08 cfa55fe0 00000000 0fa46bc0 00000000 00000000 00000000
NIP [d1a30024] toy_go+0x24/0x60 [toy]
LR [d1a30110] toy_init+0x10/0x80 [toy]
Call Trace:
[cfa59a08] [c003f4e0] __cancel_work_timer+0x124/0x194 (unreliable)
[cfa59a78] [d1a30110] toy_init+0x10/0x80 [toy]
[cfa59a98] [c0001e98] do_one_initcall+0x60/0x2c0
Instruction dump:
39200000 81290000 4e800020 60000000
---[ end trace 0000000000000000 ]---
"""
# the same before 6.1
_POWER_OLD = _POWER.replace("Code: ", "Instruction dump:\n").replace("---- interrupt", "--- interrupt")
_AT = "Faulting instruction address: 0xc008000001a30024\n"
_BAD_AREA = _AT + "Oops: Kernel access of bad area, sig: 11 [#1]"


@pytest.mark.parametrize("body", [_POWER, _POWER_OLD, _POWER_32], ids=["7.3", "5.x", "32 bits"])
@pytest.mark.parametrize(
    ("head", "title"),
    [
        (f"BUG: Kernel NULL pointer dereference on read at 0x00000010\n{_BAD_AREA}", NULL),
        (f"BUG: Kernel NULL pointer dereference at 0x00000000\n{_BAD_AREA}", NULL),
        (
            f"BUG: Unable to handle kernel data access on write at 0xc7d880000\n{_BAD_AREA}",
            "BUG: unable to handle kernel data access on write",
        ),
        (
            f"BUG: Unable to handle kernel data access at 0xc0403effffffffc8\n{_BAD_AREA}",
            "BUG: unable to handle kernel data access",
        ),
        (
            f"BUG: Unable to handle kernel instruction fetch (NULL pointer?)\n{_BAD_AREA}",
            "BUG: unable to handle kernel instruction fetch",
        ),
        (
            f"BUG: Unable to handle kernel unaligned access at 0xc00800000003\n{_BAD_AREA}",
            "BUG: unable to handle kernel unaligned access",
        ),
        (f"BUG: Unable to handle unknown paging fault at 0xc00800000003\n{_BAD_AREA}", PAGING),
        (f"Unable to handle kernel paging request for data at address 0x00000010\n{_BAD_AREA}", PAGING),
        (f"Unable to handle kernel paging request for instruction fetch\n{_BAD_AREA}", PAGING),
    ],
)
def test_bad_access_of_powerpc_is_named(head: str, title: str, body: str) -> None:
    found = read(head, body)
    assert (found.kind, found.title) == (Kind.OOPS, f"{title} in toy_go")


@pytest.mark.parametrize("body", [_POWER, _POWER_OLD], ids=["7.3", "5.x"])
def test_jump_to_nowhere_is_blamed_on_who_called(body: str) -> None:
    at = "LR [c008000001a30110] toy_jump+0x10/0x80 [toy]"
    astray = body.replace("NIP [c008000001a30024] toy_go+0x24/0x60 [toy]", "NIP [0000000000000000] 0x0")
    astray = astray.replace("LR [c008000001a30110] toy_init+0x10/0x80 [toy]", at)
    assert astray.count(at) == 1
    head = f"BUG: Unable to handle kernel instruction fetch (NULL pointer?)\n{_BAD_AREA}"
    (found,) = find_splats(parse_console(f"{head}\n{astray}"))
    assert found.title == "BUG: unable to handle kernel instruction fetch in toy_jump"


@pytest.mark.parametrize(
    "what",
    [
        "Exception in kernel mode, sig: 4",
        "System Reset, sig: 6",
        "Unrecoverable nested System Reset, sig: 6",
        "Machine check, sig: 7",
        "Unrecoverable Machine check, sig: 7",
        "System Management Interrupt, sig: 6",
        "Bad kernel stack pointer, sig: 6",
        "Unrecoverable exception, sig: 6",
        "Unrecoverable FP Unavailable Exception, sig: 6",
        "Unrecoverable VMX/Altivec Unavailable Exception, sig: 6",
        "Unrecoverable VSX Unavailable Exception, sig: 6",
        "Unexpected facility unavailable exception, sig: 6",
        "Kernel VMX/Altivec assist exception, sig: 4",
        "Kernel access of bad area, sig: 7",
    ],
)
def test_words_of_die_on_powerpc_are_the_title(what: str) -> None:
    found = read(f"Oops: {what} [#3]", _POWER)
    assert (found.kind, found.title) == (Kind.OOPS, f"{what.partition(',')[0]} in toy_go")


def test_machine_check_of_powerpc_is_one_report_with_what_the_machine_says() -> None:
    said = "MCE: CPU3: machine check (Severe)  UE Load/Store DAR: c00c000080070000 [Not recovered]\n"
    said += "MCE: CPU3: NIP: [c008000001a30024] toy_go+0x24/0x60 [toy]\nMCE: CPU3: Initiator CPU\n"
    lines = f"{said}Oops: Machine check, sig: 7 [#1]\n{_POWER}".splitlines()
    (found,) = find_splats(parse_console("\n".join(lines)))
    assert (found.title, found.last) == ("Machine check in toy_go", len(lines) - 1)


def test_stack_overflow_bug_and_warning_of_powerpc_have_their_kinds() -> None:
    assert read("Oops: Kernel stack overflow, sig: 11 [#1]", _POWER).kind is Kind.STACK_OVERFLOW
    bug = "kernel BUG at drivers/toy/toy.c:71!\nOops: Exception in kernel mode, sig: 5 [#1]"
    assert read(bug, _POWER).kind is Kind.BUG
    warning = "WARNING: drivers/toy/toy.c:71 at toy_go+0x24/0x60 [toy], CPU#3: insmod/71"
    assert read(warning, _POWER).kind is Kind.WARNING


def test_dot_before_names_of_big_endian_powerpc_is_no_part_of_them() -> None:
    dotted = "\n".join(line.replace("] toy_", "] .toy_") for line in _POWER.splitlines())
    assert read("Oops: Kernel access of bad area, sig: 11 [#1]", dotted).title.endswith(" in toy_go")


def test_address_that_powerpc_doubts_is_not_blamed() -> None:
    trace = """\
BUG: sleeping function called from invalid context at drivers/toy/toy.c:71
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 71, name: toyd
CPU: 3 UID: 0 PID: 71 Comm: toyd Not tainted 7.3.4 #1
Call Trace:
[c00000000548fa80] [c00000000121a3c4] toy_left_over+0x24/0x60 [toy] (unreliable)
[c00000000548fab0] [c0000000001a1f30] __might_resched+0x2a0/0x3a0
[c00000000548fae0] [c008000001a30110] toy_go+0x10/0x80 [toy]
[c00000000548fd20] [c00000000018b1a4] kthread+0x114/0x1c0
"""
    (found,) = find_splats(parse_console(trace))
    assert (found.function, found.damage) == ("toy_go", "")


def test_registers_are_folded_and_where_it_stopped_is_not() -> None:
    texts = [record.text for record in without_state(LOGS["null_powerpc"])]
    begin = texts.index(next(text for text in texts if text.startswith("Hardware name:")))
    assert texts[begin + 1 : begin + 4] == [
        "NIP [c008000000150044] _RNvCs3zCsAbCCkFs_7pointed6follow+0x14/0x60 [pointed]",
        "LR [c008000000150394] init_module+0x74/0xfce0 [pointed]",
        "Call Trace:",
    ]
    end = texts.index("---- interrupt: c00 at 0x100124e4")
    assert texts[end + 1 : end + 4] == [
        "NIP [00000000100124e4] 0x100124e4",
        "LR [00000000100124c8] 0x100124c8",
        "---- interrupt: c00",
    ]
