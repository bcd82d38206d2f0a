"""Documents made of others, wrong in some ways: input for the fuzz. Pure."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random

# bytes of a document
LONGEST = 2 << 20

WORDS = (
    *(
        "BUG: ",
        "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
        "Oops: 0000 [#1]",
        "Call Trace:",
        " <TASK>",
        "? f+0x1/0x2",
    ),
    *(
        "rust_kernel: panicked at a.rs:1:2:",
        "Kernel panic - not syncing: x",
        "---[ end trace ]---",
        "[    1.000000] ",
    ),
    *(
        "Linux version 7.3.4",
        "BUG: KASAN: use-after-free in f",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
    ),
    *(
        "_RNvC3toy1a",
        "_RINv" * 30,
        "_ZN3foo17h0123456789abcdefE",
        "f (a.c:1 b.c:2) mod",
        "<4>",
        "[T1]",
        "kernel: ",
    ),
    *(
        "KTAP version 1",
        "1..3",
        "1..4294967295",
        "ok 1 a # SKIP",
        "not ok 2 b",
        "    # Subtest: c",
        "ok",
        "Bail out!",
    ),
    *(
        "<testsuite>",
        "</testsuite>",
        '<testcase name="a"/>',
        "<failure>",
        "]]>",
        "&#27;",
        "&#xD800;",
        "&lt;",
        "<!--",
    ),
    *(
        '{"MESSAGE": "',
        "__CURSOR=",
        "MESSAGE=",
        "\0",
        "\x1b[31m",
        "\r",
        "\ufeff",
        "\u202e",
        "\ud800",
        "9" * 400,
    ),
    *(
        "== console.log",
        "== one task stuck",
        "(",
        "[" * 500,
        "<" * 500,
        " " * 3000,
        "\t",
        "%n",
        "::error::",
        "0x" + "f" * 40,
    ),
)

Text = list[str]


def _drop(random: Random, lines: Text) -> None:
    start = random.randrange(len(lines))
    del lines[start : start + random.randint(1, 1 + len(lines) // 2)]


def _double(random: Random, lines: Text) -> None:
    at = random.randrange(len(lines))
    lines[at:at] = lines[at : at + random.randint(1, 20)] * random.choice((1, 2, 50))


def _move(random: Random, lines: Text) -> None:
    lines.insert(random.randrange(len(lines)), lines.pop(random.randrange(len(lines))))


def _cut(random: Random, lines: Text) -> None:
    at = random.randrange(len(lines))
    lines[at] = lines[at][: random.randint(0, len(lines[at]))]


def _join(random: Random, lines: Text) -> None:
    at = random.randrange(len(lines))
    lines[at : at + 2] = ["".join(lines[at : at + 2])]


def _insert(random: Random, lines: Text) -> None:
    at = random.randrange(len(lines))
    column = random.randint(0, len(lines[at]))
    word = random.choice(WORDS) * random.choice((1, 1, 1, 2, 200))
    lines[at] = lines[at][:column] + word + lines[at][column:]


def _letters(random: Random, lines: Text) -> None:
    at = random.randrange(len(lines))
    for _ in range(min(len(lines[at]), random.randint(1, 8))):
        column = random.randrange(len(lines[at]))
        letter = chr(random.choice((random.randrange(128), random.randrange(0xD800))))
        lines[at] = lines[at][:column] + letter + lines[at][column + 1 :]


def _prefix(random: Random, lines: Text) -> None:
    prefix = random.choice(WORDS)
    # each of many lines would get its own copy of a long word
    most = LONGEST // len(prefix)
    lines[:most] = [prefix + line for line in lines[:most]]


CHANGES: tuple[Callable[[Random, Text], None], ...] = (
    *(_drop, _double, _move, _cut, _join, _insert, _insert, _letters, _letters, _prefix),
)


def broken(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a document made of others, wrong in some ways."""
    parts = [random.choice(seeds).decode(errors="replace") for _ in range(random.choice((1, 1, 1, 2, 3)))]
    lines = "\n".join(parts).split("\n")
    for _ in range(random.choice((0, 1, 2, 4, 8, 30))):
        random.choice(CHANGES)(random, lines)
        lines = lines or [""]
        if sum(map(len, lines)) > LONGEST:
            lines = list(_shortened(lines))
            break
    data = "\n".join(lines).encode(random.choice(("utf-8",) * 8 + ("utf-16", "latin-1")), "replace")[:LONGEST]
    return random.choice((*(bytes,) * 12, gzip.compress, bz2.compress, _as_journal))(data)


def _shortened(lines: Text) -> Iterator[str]:
    """Yield the first lines, as long as a document may be: lines that are doubled cost nothing until then."""
    room = LONGEST
    for line in lines:
        yield line[:room]
        room -= len(line) + 1
        if room <= 0:
            return


def _as_journal(data: bytes) -> bytes:
    lines = data.decode(errors="replace").split("\n")
    return "".join(json.dumps({"MESSAGE": line}) + "\n" for line in lines).encode()
