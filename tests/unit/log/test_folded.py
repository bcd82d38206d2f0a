"""Lines that were broken at some width are put together again, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.log.examples import HERE, essence, in_blocks

from rustbed.explained import explain
from rustbed.log.folded import unfold
from rustbed.log.pasted import undo_pasting

FILES = sorted(path for name in ("splats", "boots", "lines", "tools") for path in (HERE / name).glob("*.log"))
_TIME = re.compile(r"\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])?")
TEXTS = {
    path.stem: path.read_text()
    for path in FILES
    if path.parent.name == "splats" and path.stem != "leak_report"
}
# a kernel's words before its splat
BEFORE = "".join(
    line
    for line in (HERE / "boots" / "x86_64.log").read_text().splitlines(keepends=True)[:120]
    if _TIME.match(line) and "Linux version" not in line
)


def terminal(line: str, width: int) -> Iterator[str]:
    """Break a line at the last column."""
    return (line[at : at + width] for at in range(0, len(line), width))


def mail(line: str, width: int, indent: str = "") -> Iterator[str]:
    """Break a line before the word that does not fit; a long word stays whole."""
    start = _TIME.match(line)
    kept = start.end() + 1 if start else 0
    while len(line) > width:
        at = line.rfind(" ", kept, width + 1)
        if at < 0 and (at := line.find(" ", max(kept, width))) < 0:
            break
        yield line[:at]
        line = indent + line[at + 1 :]
        kept = len(indent)
    yield line


WAYS: dict[str, Callable[[str], Iterator[str]]] = {
    "a terminal": lambda line: terminal(line, 80),
    "a narrow terminal": lambda line: terminal(line, 72),
    "a terminal's log in CRLF": lambda line: (part + "\r" for part in terminal(line, 80)),
    "a wide terminal": lambda line: terminal(line, 97),
    "a mail": lambda line: mail(line, 78),
    "a narrow mail": lambda line: mail(line, 72),
    "a mail that indents": lambda line: mail(line, 76, "    "),
    "a quotation": lambda line: ("> " + part for part in mail(line, 72)),
    "a mail before it was quoted": lambda line: mail("> " + line, 78),
    "a log page": lambda line: (
        part if at == 0 else "\t" + part for at, part in enumerate(terminal(line, 80))
    ),
}


def folded(text: str, way: str) -> str:
    return "".join(part + "\n" for line in text.splitlines() for part in WAYS[way](line) or [""])


def read(text: str) -> list[tuple[object, ...]]:
    return [(*essence(splat), splat.task, splat.damage) for splat in explain(text)]


@cache
def wanted() -> dict[str, list[tuple[object, ...]]]:
    return {name: read(BEFORE + text) for name, text in TEXTS.items()}


@pytest.mark.parametrize("way", WAYS)
def test_log_whose_lines_were_broken_is_read_as_it_was(way: str) -> None:
    assert {name: read(folded(BEFORE + text, way)) for name, text in TEXTS.items()} == wanted()


@pytest.mark.parametrize("way", WAYS)
def test_one_line_that_the_kernel_prints_in_one_piece_tells_enough(way: str) -> None:
    """Of a report alone, few lines are broken: perhaps only the last one."""
    assert {name: read(folded(text, way)) for name, text in TEXTS.items()} == {
        name: read(text) for name, text in TEXTS.items()
    }


# kernel/locking/lockdep.c prints a newline before these
_BEHIND_NEWLINE = re.compile(r"(but task|which lock|the existing|other info|stack backtrace)")


def padded(line: str) -> str:
    """Print a message that begins with a newline as dmesg does."""
    time = _TIME.match(line)
    at = time.end() + 1 if time else 0
    return f"{line[:at]}\n{' ' * at}{line[at:]}" if _BEHIND_NEWLINE.match(line, at) else line


@pytest.mark.parametrize("way", WAYS)
def test_further_lines_of_a_message_were_not_broken_off(way: str) -> None:
    text = "".join(f"{padded(line)}\n" for line in TEXTS["lockdep_circular"].splitlines())
    assert text.count(" " * 15) >= 3
    assert read(folded(text, way)) == read(text)


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        ("CPU: 0 UID: 0 PID: 92 Comm: sh Not tainted", "7.3.4 #1 is what it runs"),
        ("WARNING: drivers/toy.c:7 at", "toy_poll+0x1/0x20, CPU#0: sh/92"),
        ("toy: reads its settings", "CPU: 0 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1"),
    ],
)
def test_line_with_room_for_the_next_word_was_not_broken_there(before: str, rest: str) -> None:
    full = f"[    1.000001] {'toy ' * 17}\n"
    text = f"[    1.000000] {before}\n{rest}\n{full}"
    assert "".join(unfold([text])) == text


@pytest.mark.parametrize("size", [3000, 5000, 16 * 1024])
@pytest.mark.parametrize("way", ["a terminal", "a mail", "a log page"])
def test_records_are_whole_wherever_a_block_ends(way: str, size: int) -> None:
    text = BEFORE + "".join(TEXTS.values()) + BEFORE
    whole = undo_pasting(text).split("\n")
    made = "".join(unfold(in_blocks(undo_pasting(folded(text, way)), size))).split("\n")
    assert [" ".join(line.split()) for line in made if line] == [
        " ".join(line.split()) for line in whole if line
    ]


@pytest.mark.parametrize("way", WAYS)
def test_lines_keep_their_numbers(way: str) -> None:
    text = folded(BEFORE + TEXTS["bug_s390"], way)
    made = "".join(unfold([text]))
    assert made != text
    assert made.count("\n") == text.count("\n")
    number = text[: text.index("Krnl Code")].count("\n")
    assert "Krnl Code" in made.split("\n")[number]


def test_words_around_a_log_are_not_of_it() -> None:
    text = "Hi all,\nmy driver does this:\n\n{}\nAny idea?\nThanks\n"
    log = BEFORE + TEXTS["ubsan"]
    assert "".join(unfold([text.format(folded(log, "a mail"))])).endswith("\nAny idea?\nThanks\n")
    assert "".join(unfold([text.format(folded(log, "a mail")).replace("\n\n", "\n")])).endswith("\nThanks\n")


# -- what was not broken ---------------------------------------------------------

USER = (
    "login: ",
    "Starting toyd...",
    "# cat /dev/toy0",
    "ok",
    "sh: write error: Invalid argument",
    "2: 16 bytes",
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_whole_log_stays_as_it_is(path: Path) -> None:
    text = undo_pasting(path.read_text())
    assert "".join(unfold(in_blocks(text, 16 * 1024))) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_programs_say_between_is_not_the_kernels(path: Path) -> None:
    random = Random(path.stem)  # noqa: S311 - always the same
    lines = undo_pasting(path.read_text()).split("\n")
    for share in (0.02, 0.1, 0.3, 1):
        text = "\n".join(
            line + (f"\n{random.choice(USER)}" if random.random() < share else "") for line in lines
        )
        assert "".join(unfold(in_blocks(text, 16 * 1024))) == text


def test_one_full_line_tells_nothing() -> None:
    text = f"[    1.000000] {'toy ' * 16}\ntoyd: ready\n[    2.000000] toy: done\n"
    assert "".join(unfold([text])) == text


def test_the_same_line_again_and_again_tells_nothing() -> None:
    text = "".join(
        f"[    {n}.000000] toy toy0: buffer {n} of the ring was given back by the device\ntoyd: took it\n"
        for n in range(9)
    )
    assert "".join(unfold([text])) == text


_LINES = st.lists(
    st.one_of(
        st.text(alphabet="a b\t>[]", max_size=90),
        st.builds("[    {}.000000] {}".format, st.integers(0, 9), st.text(alphabet="abc de", max_size=90)),
        st.sampled_from(folded(TEXTS["bug_s390"], "a terminal").splitlines()),
    )
)


@given(_LINES, st.integers(1, 400))
def test_no_letter_is_lost(lines: list[str], size: int) -> None:
    text = "".join(line + "\n" for line in lines)
    made = "".join(unfold(in_blocks(text, size)))
    assert made.count("\n") == text.count("\n")
    assert re.sub(r"[\s>]", "", made) == re.sub(r"[\s>]", "", text)
