"""What powerpc, s390x and loongarch64 print when the processor refuses something, in all their words.

The words are those of arch/powerpc/kernel/traps.c, arch/powerpc/mm/fault.c, arch/s390/kernel/traps.c,
arch/s390/mm/fault.c, arch/loongarch/kernel/traps.c and arch/loongarch/mm/fault.c.
"""

from __future__ import annotations

import pytest

from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, Splat, find_splats

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
_LOONGARCH = """\
CPU: 1 UID: 0 PID: 71 Comm: insmod Tainted: G           O        7.3.4 #1
pc ffff8000020a4018 ra ffff8000020a4200 tp 90000000062c0000 sp 90000000062a7ce0
   ra: ffff8000020a4200 toy_init+0x30/0x80 [toy]
  ERA: ffff8000020a4018 toy_go+0x18/0x40 [toy]
 CRMD: 000000b0 (PLV0 -IE -DA +PG DACF=CC DACM=CC -WE)
ESTAT: 00010000 [PIL] (IS= ECode=1 EsubCode=0)
Modules linked in: toy(O)
Process insmod (pid: 71, threadinfo=0000000045018a42, task=0000000045018a42)
Stack : 900000000179f970 0000000000000000 90000000013740b0 0000000000000000
        ...
Call Trace:
[<ffff8000020a4018>] toy_go+0x18/0x40 [toy]
[<ffff8000020a4200>] toy_init+0x30/0x80 [toy]
[<9000000000234e34>] do_one_initcall+0x64/0x4b0
Code: 28d2436c  1400010e  0010b98c <38203599> 38720005
---[ end trace 0000000000000000 ]---
"""
# the same before 6.1
_POWER_OLD = _POWER.replace("Code: ", "Instruction dump:\n").replace("---- interrupt", "--- interrupt")
_NULL, _PAGING = (
    f"BUG: unable to handle kernel {what}" for what in ("NULL pointer dereference", "paging request")
)
_AT = "Faulting instruction address: 0xc008000001a30024\n"
_BAD_AREA = _AT + "Oops: Kernel access of bad area, sig: 11 [#1]"


def read(head: str, body: str) -> Splat:
    """Return what a report is said to be, which is one from its first line to its last."""
    text = f"{head}\n{body}".splitlines()
    (found,) = find_splats(parse_console("".join(f"[   12.000000] {line}\n" for line in text)))
    assert found.last == len(text) - 1
    assert (found.function, found.task, found.damage) == ("toy_go", "insmod/71", "")
    return found


@pytest.mark.parametrize("body", [_POWER, _POWER_OLD, _POWER_32], ids=["7.3", "5.x", "32 bits"])
@pytest.mark.parametrize(
    ("head", "title"),
    [
        (f"BUG: Kernel NULL pointer dereference on read at 0x00000010\n{_BAD_AREA}", _NULL),
        (f"BUG: Kernel NULL pointer dereference at 0x00000000\n{_BAD_AREA}", _NULL),
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
        (f"BUG: Unable to handle unknown paging fault at 0xc00800000003\n{_BAD_AREA}", _PAGING),
        (f"Unable to handle kernel paging request for data at address 0x00000010\n{_BAD_AREA}", _PAGING),
        (f"Unable to handle kernel paging request for instruction fetch\n{_BAD_AREA}", _PAGING),
    ],
)
def test_bad_access_of_powerpc_is_named(head: str, title: str, body: str) -> None:
    found = read(head, body)
    assert (found.kind, found.title) == (Kind.OOPS, f"{title} in toy_go")


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
    assert (found.kind, found.title) == (Kind.OOPS, f"{_PAGING} in toy_go")


def test_bug_of_s390_is_one() -> None:
    bug = "kernel BUG at drivers/toy/toy.c:71!\nmonitor event: 0040 ilc:2 [#1]SMP "
    assert read(bug, _S390).kind is Kind.BUG


def test_fault_of_a_program_on_s390_is_not_the_kernels() -> None:
    text = "User process fault: interruption code 003b ilc:3 in toy[2aa00000000+1000]\n"
    text += "Failing address: 0000000000000000 TEID: 0000000000000800\n" + _S390.replace("Krnl", "User")
    assert find_splats(parse_console(text)) == ()


@pytest.mark.parametrize(
    "what",
    [
        "FP exception in kernel code",
        "Kernel ade access",
        "Kernel ale access",
        "Bounds check error in kernel code",
        "Break instruction in kernel code",
        "Reserved instruction in kernel code",
        "do_fpu invoked from kernel context!",
        "do_lsx invoked from kernel context!",
        "do_reserved exception",
    ],
)
def test_words_of_die_on_loongarch_are_the_title(what: str) -> None:
    found = read(f"{what}[#1]:", _LOONGARCH)
    assert (found.kind, found.title) == (Kind.OOPS, f"{what} in toy_go")


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("0000000000000000", _NULL),
        ("0000000000000fff", _NULL),
        ("0000000000001000", _PAGING),
        ("ffff800000008064", _PAGING),
    ],
)
def test_bad_access_of_loongarch_is_named(address: str, title: str) -> None:
    head = f"CPU 1 Unable to handle kernel paging request at virtual address {address}, "
    found = read(head + "era == ffff8000020a4018, ra == ffff8000020a4200\nOops[#1]:", _LOONGARCH)
    assert (found.kind, found.title) == (Kind.OOPS, f"{title} in toy_go")


def test_bug_of_loongarch_is_one() -> None:
    assert read("kernel BUG at drivers/toy/toy.c:71!\nOops - BUG[#1]:", _LOONGARCH).kind is Kind.BUG
