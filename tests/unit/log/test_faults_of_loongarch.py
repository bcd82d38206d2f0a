"""What loongarch prints when the processor refuses something, in all its words.

The words are those of arch/loongarch/kernel/traps.c.
"""

from __future__ import annotations

import pytest
from tests.unit.log.dying import NULL, PAGING, read

from rustbed.log.splat import Kind

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
        ("0000000000000000", NULL),
        ("0000000000000fff", NULL),
        ("0000000000001000", PAGING),
        ("ffff800000008064", PAGING),
    ],
)
def test_bad_access_of_loongarch_is_named(address: str, title: str) -> None:
    head = f"CPU 1 Unable to handle kernel paging request at virtual address {address}, "
    found = read(head + "era == ffff8000020a4018, ra == ffff8000020a4200\nOops[#1]:", _LOONGARCH)
    assert (found.kind, found.title) == (Kind.OOPS, f"{title} in toy_go")


def test_bug_of_loongarch_is_one() -> None:
    assert read("kernel BUG at drivers/toy/toy.c:71!\nOops - BUG[#1]:", _LOONGARCH).kind is Kind.BUG
