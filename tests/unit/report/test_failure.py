"""What a failure shows: the splat, what led to it, and what debug information adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.report.machines import ALIVE, ANY_WARNING, OOPS, RECORDS, WARNING, passed

from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats
from rustbed.log.symbolize import Blame
from rustbed.report.verdict import Expectation, Outcome, judge, render_failure

# -- the failure text --------------------------------------------------------


def test_failure_shows_the_splat_and_what_led_to_it() -> None:
    machine = replace(ALIVE, splats=(replace(WARNING, first=10, last=12),))
    assert render_failure(passed(machine), machine) == (
        "FAIL: arm64 (tcg): WARNING in toy_probe\n"
        "  splat    [    1.000006] line 6\n"
        "           [    1.000007] line 7\n"
        "           [    1.000008] line 8\n"
        "           [    1.000009] line 9\n"
        "           [    1.000010] line 10\n"
        "           [    1.000011] line 11\n"
        "           [    1.000012] line 12\n"
        "  kernel   7.3.4\n"
        "  console  /results/latest/test_toy-arm64/console.log\n"
        "  repeat   sh /results/latest/test_toy-arm64/run.sh"
    )


def test_the_command_that_repeats_it_can_be_typed_as_it_stands() -> None:
    machine = replace(ALIVE, splats=(WARNING,), run_dir=Path("/my drivers/results/latest/test_toy"))
    last = render_failure(passed(machine), machine).splitlines()[-1]
    assert last == "  repeat   sh '/my drivers/results/latest/test_toy/run.sh'"


REGISTERS = """\
RIP: 0010:toy_probe+0x1/0x2 [toy]
RSP: 0018:ffffc9000012fb10 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff888003a1c000 RCX: 0000000000000000
R10: 0000000000000000 R11: 0000000000000000 R12: 0000000000000001
CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
CR2: 0000000000000008 CR3: 0000000003b2c000 CR4: 00000000000006b0
DR0: 0000000000000000 DR1: 0000000000000000 DR2: 0000000000000000
Code: 00 00 00 00 0f 0b
pc : toy_probe+0x1c/0x30 [toy]
lr : toy_probe+0x18/0x30 [toy]
sp : ffff800080023a10
x29: ffff800080023a10 x28: 0000000000000000 x27: 0000000000000000
pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS BTYPE=--)
epc : toy_probe+0x1c/0x30 [toy]
 ra : toy_probe+0x18/0x30 [toy]
 gp : ffffffff81a6e1c0 tp : ff60000001a30000 t0 : 0000000000000000
 a0 : 0000000000000000 a1 : 0000000000000000 a2 : 0000000000000000
status: 0000000200000120 badaddr: 0000000000000008 cause: 000000000000000d
Call Trace:
 <TASK>
 do_one_initcall+0x5a/0x310
 s3c_probe: 00000000
 ? toy_probe+0x5/0x30
 what? never
Resource: 12345678""".splitlines()


def test_registers_and_doubtful_frames_are_counted_and_not_shown() -> None:
    records = tuple(replace(RECORDS[0], text=text) for text in REGISTERS)
    machine = replace(ALIVE, records=records, splats=(replace(WARNING, first=0, last=len(records) - 1),))
    text = render_failure(passed(machine), machine)
    kept = [line for line in REGISTERS if line in text]
    assert kept == [REGISTERS[number] for number in (0, 8, 9, 13, 14, 18, 19, 20, 21, 23, 24)]
    assert "... 14 records of registers and doubtful frames, in console.log\n" in text


# of arm, s390 and loongarch
NO_REGISTERS = """\
PC is at toy_probe+0x14/0x18 [toy]
LR is at toy_start+0x80/0x254 [toy]
Process init (pid: 104, stack limit = 0xd92f84c4)
 toy_probe [toy] from toy_start+0x80/0x254 [toy]
Krnl PSW : 0704c00180000000 000003ff7e6d2542 (toy_probe+0x12/0x20 [toy])
 [<000003ff7e6d2542>] toy_probe+0x12/0x20 [toy]
    ra: 9000000000eb7f90 toy_probe+0x40/0x160
  BADV: ffff800000008064
list_add double add: new=bf002034, prev=bf002060, next=bf002034.
10: what a driver says""".splitlines()
MORE_REGISTERS = """\
pc : [<bf0002e8>]    lr : [<bf000294>]    psr: 60000013
sp : e0a35eb0  ip : 00000000  fp : 00000000
r10: 00000000  r9 : 01b25d80  r8 : c25be790
Flags: nZCv  IRQs on  FIQs on  Mode SVC_32  ISA ARM  Segment none
Control: 10c5387d  Table: 4332806a  DAC: 00000051
Register r7 information: 2-page vmalloc region starting at 0xe0a34000 allocated at kernel_clone+0xb8/0x3e8
Stack: (0xe0a35eb0 to 0xe0a36000)
5ea0:                                     bf004032 bf002010 00000005 bf000060
5ec0: c328b640 00000005 c25be780 c07c2ee8 00000000 00000000 c07c2da4 00000005
Exception stack(0xe0a35fa8 to 0xe0a35ff0)
           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3
Krnl GPRS: 0000000000000000 fffffffffa5a5a64 000003ff7e6d601c 0000000000000240
           000003fffe4a9c62 000003ff7e6d2304 000003fffea079d8 0000037ffe523a60
Krnl Code: 000003ff7e6d283c: 0707\t\tbcr\t0,%r7
          >000003ff7e6d2846: e32010000014\tlgf\t%r2,0(%r1)
pc 9000000000eb7fa8 ra 9000000000eb7f90 tp 90000000062c0000 sp 90000000062a7ce0
a0 00000000000000b4 a1 0000000000000000 a2 90000000062a7b50 a3 90000000062a7b48
 CRMD: 000000b0 (PLV0 -IE -DA +PG DACF=CC DACM=CC -WE)
Stack : 900000000179f970 0000000000000000 90000000013740b0 0000000000000000""".splitlines()


def test_registers_of_every_architecture_are_not_shown() -> None:
    lines = [*MORE_REGISTERS, *NO_REGISTERS]
    records = tuple(replace(RECORDS[0], text=text) for text in lines)
    machine = replace(ALIVE, records=records, splats=(replace(WARNING, first=0, last=len(records) - 1),))
    text = render_failure(passed(machine), machine)
    assert [line for line in lines if line in text] == NO_REGISTERS


def test_failure_without_a_splat_shows_the_last_records() -> None:
    machine = replace(ALIVE, ended=Outcome.HANG, reason="nothing moved for 15 s")
    text = render_failure(passed(machine), machine)
    assert text.startswith("HANG: arm64 (tcg): nothing moved for 15 s\n")
    assert text.count(" line ") == 15
    assert "  last records  [    1.000015] line 15\n" in text
    assert "  machine       nothing moved for 15 s\n" in text


def test_failure_shows_only_what_was_undeclared() -> None:
    declared, other = (
        replace(WARNING, first=5, last=6),
        replace(WARNING, title="WARNING in other", first=20, last=21),
    )
    machine = replace(ALIVE, splats=(declared, other))
    text = render_failure(passed(machine, expected=(Expectation(pattern="toy_probe"),)), machine)
    assert "line 21" in text
    assert "line 6\n" not in text


def test_failure_names_what_did_not_come() -> None:
    text = render_failure(passed(ALIVE, expected=(ANY_WARNING,)), ALIVE)
    assert "  missing       /^WARNING/ (warning)\n" in text


def test_failure_of_a_machine_that_said_nothing_says_so() -> None:
    machine = replace(ALIVE, release="", records=(), ended=Outcome.LOST, reason="QEMU is gone")
    assert "  last records  none\n" in render_failure(passed(machine), machine)


def test_long_splat_is_cut_in_its_middle() -> None:
    records = tuple(replace(RECORDS[0], text=f"frame {number}") for number in range(500))
    machine = replace(ALIVE, records=records, splats=(replace(OOPS, first=100, last=400),))
    text = render_failure(passed(machine), machine)
    assert "... 241 records, all of them in console.log" in text
    assert "frame 96\n" in text
    assert "frame 400\n" in text
    assert text.count("frame ") == 64


def test_what_a_kernel_log_shows_is_what_the_verdict_says() -> None:
    records = parse_console(
        "[    1.000000] toy: probing\n"
        "[    1.000001] ------------[ cut here ]------------\n"
        "[    1.000002] WARNING: drivers/toy/toy_core.c:88 at toy_probe+0x2f/0x90 [toy], CPU#1: insmod/74\n"
        "[    1.000003] ---[ end trace 0000000000000000 ]---\n"
    )
    machine = replace(ALIVE, records=records, splats=find_splats(records))
    verdict = passed(machine)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "WARNING in toy_probe")
    assert "---[ end trace" in render_failure(verdict, machine)


# -- what debug information adds ---------------------------------------------


def test_failure_shows_what_is_blamed_before_the_splat() -> None:
    blame = Blame(function="toy::probe", file="toy.rs", line=2, source=((1, "fn probe()"), (2, "    fail()")))
    shown = (*RECORDS[:2], replace(RECORDS[2], text="toy::probe+0x1/0x2  toy.rs:2"), *RECORDS[3:])
    machine = replace(
        ALIVE,
        splats=(
            WARNING,
            replace(WARNING, first=7, last=9, title="WARNING in other", file="a/other.c", line=9),
        ),
        annotated=shown,
        blames={WARNING: blame},
        notes=("vmlinux: no file with debug information",),
    )
    text = render_failure(passed(machine), machine)
    assert (
        "  blamed   toy.rs:2 in toy::probe\n"
        "             1 | fn probe()\n"
        "           > 2 |     fail()\n"
        "  splat    " in text
    )
    assert "toy::probe+0x1/0x2  toy.rs:2" in text
    assert "  symbols  vmlinux: no file with debug information\n" in text
    assert "  further  WARNING in other, other.c:9\n" in text


def test_a_hang_is_told_with_its_kind_and_where_in_the_driver() -> None:
    stuck = Blame(function="toy::wait", file="drivers/toy.rs", line=2, source=((2, "    loop {}"),))
    machine = replace(
        ALIVE, ended=Outcome.HANG, reason="no answer within 60 s", hang="one task busy", stuck=stuck
    )
    verdict = judge(Outcome.HANG, "no answer within 60 s", [machine], [])
    assert verdict.reason == "one task busy: stuck in toy::wait, toy.rs:2"
    assert render_failure(verdict, machine).startswith(
        "HANG: arm64 (tcg): one task busy: stuck in toy::wait, toy.rs:2\n"
        "  stuck in      drivers/toy.rs:2 in toy::wait\n"
        "                > 2 |     loop {}\n"
        "  machine       no answer within 60 s\n"
        "  hang          /results/latest/test_toy-arm64/hang.log\n"
    )
