"""A log that a program printed as a string of Python is read as that string."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pprint import pformat

import pytest
from tests.unit.log.examples import HERE, essence

from rustbed.explained import explain
from rustbed.log.literal import is_literal, parse_literals

# the one without times is not to be told from a program's words
TEXTS = {
    path.stem: path.read_text()
    for path in sorted((HERE / "splats").glob("*.log"))
    if path.stem != "leak_report"
}

WAYS: dict[str, Callable[[str], str]] = {
    "text": repr,
    "bytes": lambda text: repr(text.encode()),
    "assigned": lambda text: f"out = {text!r}\n",
    "a list": lambda text: repr(text.splitlines(keepends=True)),
    "a list without line ends": lambda text: repr(text.splitlines()),
    "a list of bytes": lambda text: repr(text.encode().splitlines(keepends=True)),
    "a list, printed prettily": lambda text: pformat(text.splitlines(keepends=True), width=4000),
    "lines of a serial port": lambda text: "".join(
        f"{line.encode()!r}\n" for line in text.replace("\n", "\r\n").splitlines(keepends=True)
    ),
    "levels": lambda text: repr("".join(f"<4>{line}\n" for line in text.splitlines())),
    "words before": lambda text: f"It prints:\n\n{text!r}\n\nAny idea?\n",
}


def read(text: str) -> list[tuple[object, ...]]:
    return [(*essence(splat), splat.first, splat.last, splat.task) for splat in explain(text)]


@pytest.mark.parametrize("way", WAYS)
def test_string_is_read_as_what_it_stands_for(way: str) -> None:
    lead = 2 if way == "words before" else 0
    assert {name: read(WAYS[way](text)) for name, text in TEXTS.items()} == {
        name: read("\n" * lead + text) for name, text in TEXTS.items()
    }


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        (r"'[ 1.000000] a\\n b\' \x41\t\u20ac'", "[ 1.000000] a\\n b' A\t€"),
        (r"b'[ 1.000000] \xe2\x82\xac \u20ac'", "[ 1.000000] € €"),
        (r"'[ 1.000000] \U00110000 \ud800'", "[ 1.000000] \\U00110000 ?"),
        # what was cut off, or goes on
        (r"'[ 1.000000] a\n[ 1.1", "[ 1.000000] a\n[ 1.1"),
        (r'"[ 1.000000] it\'s" + "x"', '[ 1.000000] it\'s" + "x'),
    ],
)
def test_escapes_are_undone(printed: str, meant: str) -> None:
    assert is_literal(printed.encode())
    assert parse_literals(printed.encode()).decode() == meant


@pytest.mark.parametrize(
    "log",
    [
        "[    1.000000] toy: said '[ 2.000000] no\\n'\n",
        "[    1.000000] toy: ready\n'[    2.000000] BUG: KASAN: x\\n[    2.000001] y'\n",
        '"hello\\n"\ntoyd: ready\n',
        '{"MESSAGE": "a\\n[    2.000000] b"}\n',
        "'[toy]'\n",
    ],
)
def test_log_that_quotes_is_no_string(log: str) -> None:
    assert not is_literal(log.encode())


@pytest.mark.parametrize(
    "path", sorted(HERE.glob("*/*.log")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_log_is_no_string(path: Path) -> None:
    assert not is_literal(path.read_bytes())
