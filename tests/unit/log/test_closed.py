"""What a prefix opened is closed at the end of its line; streams and headers that differ among lines."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.unit.log.examples import read_blocks

from rustbed.log.pasted import undo_pasting
from rustbed.log.splat import Kind, Splat
from rustbed.log.unwrap import Unwrapper

# a message on a line of its own shows in the title whatever is left around it
LINES = """\
rust_kernel: panicked at drivers/toy.rs:41:9:
attempt to divide by zero
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
PRINTED = [f"[    6.{number:06d}] {line}" for number, line in enumerate(LINES)]


def facts(text: str) -> list[tuple[Kind, str, str | None, int | None, str]]:
    def fact(splat: Splat) -> tuple[Kind, str, str | None, int | None, str]:
        return splat.kind, splat.title, splat.file, splat.line, splat.damage

    return [fact(splat) for splat in read_blocks([text])]


def html(line: str) -> str:
    return line.replace("<", "&lt;").replace(">", "&gt;")


FORMS: dict[str, Callable[[int, str], str]] = {
    "yaml of LAVA": lambda n, line: f"- {{dt: '2026-11-30T07:08:{n:02d}', lvl: target, msg: '{line}'}}",
    "tagged object": lambda n, line: f'2026-11-30 07:08:{n:02d}.0 +0000 dut.toy: {{"message":"{line}"}}',
    "table of HTML": lambda n, line: f'<tr><td class="n">{n}</td><td>{html(line)}</td></tr>',
    "span of HTML": lambda n, line: f'<span id="L{n}"><a href="#L{n}">{n:4d}</a> {html(line)}</span>',
    "list of code": lambda _, line: f"- `{line}`",
    "item of HTML in CRLF": lambda _, line: f"<li><code>{html(line)}</code></li>\r",
    "call": lambda n, line: f'console.write({n}, "{line}")',
    "event": lambda _, line: f'{{"Action":"output","Output":"{line}\\n"}}',
    "columns behind": lambda n, line: f'{n}.000000001,"{line}",,',
    "table": lambda n, line: f"| {n} | {line} |",
    "box": lambda _, line: f"│ {line:<120} │",
    "streams of GitLab": lambda n, line: f"2026-11-30T07:08:{n:02d}.101371Z 0{n == 1:d}{'OE'[n == 1]} {line}",
    "streams of CRI": lambda n, line: f"2026-11-30T07:08:{n:02d}.1Z {('stdout', 'stderr')[n == 1]} F {line}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_end_of_a_line_closes_what_its_prefix_opened(form: Callable[[int, str], str]) -> None:
    text = "".join(f"{form(number, line)}\n" for number, line in enumerate(PRINTED))
    assert facts(text) == facts("\n".join(PRINTED) + "\n") != []


def test_headers_of_logcat_are_no_messages() -> None:
    header = "[ 11-30 07:08:09.001     0:    0 E/         ]"
    text = "".join(f"{header}\n{line}\n\n" for line in LINES)
    assert facts(text) == facts("\n".join(LINES) + "\n") != []
    assert undo_pasting(text).count("\n") == text.count("\n")
    # a program's message is not the kernel's
    assert undo_pasting(header.replace("    0:    0", "   77:   78")) != ""


def test_signs_of_the_kernel_stay_where_a_prefix_opens_nothing() -> None:
    unwrapper = Unwrapper()
    text = "".join(f"[07:08:09] (toy) {line}\n" for line in [*PRINTED, "[    7.000000] toy: level (9)"])
    unwrapper.learn(text)
    assert unwrapper.strip(text).endswith("toy: level (9)\n")


@pytest.mark.parametrize("sign", ["`", "}", '"', " ", "\\n", ",", "|"])
@pytest.mark.parametrize("form", ['- {{`"{}"`}}', "| {} |"])
def test_long_line_that_never_closes_is_looked_at_once(form: str, sign: str) -> None:
    unwrapper = Unwrapper()
    unwrapper.learn("".join(form.format(line) + "\n" for line in PRINTED))
    line = form.format("y" + sign * 100_000 + "x")[:-3]
    started = time.process_time()
    assert sign in unwrapper.strip(f"{line}x\n")
    assert time.process_time() - started < 5
