"""Objects behind other programs' prefixes, and consoles behind a syslog's tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.log.examples import read_blocks

from rustbed.log.splat import Splat

# a message on a line of its own shows in the title whatever is left around it
LINES = """\
rust_kernel: panicked at drivers/toy.rs:52:13:
attempt to shift left with overflow
------------[ cut here ]------------
kernel BUG at rust/helpers/bug.c:7!
CPU: 0 UID: 0 PID: 9 Comm: cat Not tainted 7.3.4 #1
RIP: 0010:rust_helper_BUG+0x8/0x10
Call Trace:
 <TASK>
 _RNvMCsdEf_8toy_rustNtB2_3Toy5level+0x61/0x70 [toy_rust]
 vfs_read+0xc1/0x2f0
 </TASK>
---[ end trace 0000000000000000 ]---
""".splitlines()
TIMED = [f"[    6.{number:06d}] {line}" for number, line in enumerate(LINES)]


def essence(splat: Splat) -> tuple[object, ...]:
    return splat.kind, splat.title, splat.function, splat.first, splat.last, splat.damage


def facts(lines: list[str]) -> list[tuple[object, ...]]:
    return [essence(splat) for splat in read_blocks(["".join(f"{line}\n" for line in lines)])]


WANTED = facts(TIMED)

OBJECTS: dict[str, Callable[[str], object]] = {
    "Docker": lambda line: {"log": f"{line}\r\n", "stream": "stdout", "time": "2026-11-30T07:08:09.1Z"},
    "LAVA": lambda line: {"dt": "2026-11-30T07:08:09", "lvl": "target", "msg": line},
    "a journal": lambda line: {"_TRANSPORT": "kernel", "__CURSOR": "s=1", "MESSAGE": line},
    "Google Cloud": lambda line: {"insertId": "k1", "textPayload": line},
}
BEFORE = {
    "GitHub": "2026-11-30T07:08:{n:02}.1013712Z ",
    "gh run view": "boot\tRun the kernel\t2026-11-30T07:08:{n:02}.1013712Z ",
    "Jenkins": "[2026-11-30T07:08:{n:02}.101Z] [x86_64] ",
    "a container": "2026-11-30T07:08:{n:02}.101371204Z stdout F ",
    "compose": "logger-1  | ",
    "grep": "console.json:{n}:",
    "a syslog": "Nov 30 07:08:{n:02} gondor dockerd[77]: ",
    "a quotation": "> ",
    "a list": "- ",
    "events": "data: ",
}


@pytest.mark.parametrize("form", OBJECTS.values(), ids=OBJECTS)
@pytest.mark.parametrize("prefix", BEFORE.values(), ids=BEFORE)
def test_object_is_opened_behind_a_prefix(prefix: str, form: Callable[[str], object]) -> None:
    lines = [prefix.format(n=number) + json.dumps(form(line)) for number, line in enumerate(TIMED)]
    assert facts(lines) == WANTED != []


def test_message_with_the_kernels_time_is_no_object() -> None:
    """What a program wrote to the console stays a line of it."""
    said = {"log": "BUG: KASAN: use-after-free in toy_open+0x1/0x2", "stream": "stderr"}
    lines = [f"[    5.{number:06}] toyd: {json.dumps(said)}" for number in range(9)]
    (found,) = read_blocks(["".join(f"{line}\n" for line in [*lines, *TIMED])])
    assert essence(replace(found, first=found.first - 9, last=found.last - 9)) == WANTED[0]


@pytest.mark.parametrize("host", ["", "gondor "])
@pytest.mark.parametrize(
    "tag",
    ["qemu-system-x86_64[99]", "toy-vm-console", "serial-getty@ttyS0[3]", "lava-run[81]", "virt-launcher[9]"],
)
@pytest.mark.parametrize("clock", ["Nov 30 07:08:{n:02}", "2026-11-30T07:08:{n:02}.101371+01:00"])
def test_tag_of_what_reads_a_console_is_a_prefix(clock: str, tag: str, host: str) -> None:
    lines = [f"{clock.format(n=number)} {host}{tag}: {line}" for number, line in enumerate(LINES)]
    assert facts(lines) == facts(LINES) != []


@pytest.mark.parametrize("tag", ["abrtd[77]", "toyd", "kerneloops[5]", "kernel: tty ttyS0", "kernel: toy"])
def test_tag_of_another_program_or_driver_is_not(tag: str) -> None:
    lines = [f"Nov 30 07:08:{number:02} gondor {tag}: {line}" for number, line in enumerate(LINES)]
    assert facts(lines) == []
