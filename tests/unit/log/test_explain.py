from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.log.examples import in_blocks, read_blocks

from rustbed.log.explain import Found, read_log, read_spans, render_text
from rustbed.log.headline import may_hold_splat
from rustbed.log.objects import render_json
from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, Splat, find_splats
from rustbed.log.unwrap import Unwrapper

HERE = Path(__file__).parent
LOGS = {path.stem: path.read_text() for path in sorted((HERE / "splats").glob("*.log"))}
BOOTS = [path.read_text() for path in sorted((HERE / "boots").glob("*.log"))]


def by_line(text: str) -> tuple[Splat, ...]:
    """What is found without leaving anything out, with line numbers."""
    records = parse_console(text)
    return tuple(
        replace(splat, first=records[splat.first].seq, last=records[splat.last].seq)
        for splat in find_splats(records)
    )


# -- leaving out what holds nothing --------------------------------------------


@pytest.mark.parametrize("name", LOGS)
def test_first_line_of_every_splat_is_looked_at(name: str) -> None:
    records = parse_console(LOGS[name])
    for splat in find_splats(records):
        span = records[splat.first : splat.last + 1]
        assert any(may_hold_splat(record.text) for record in span if find_splats([record]))


@pytest.mark.parametrize("size", [1, 3000])
@pytest.mark.parametrize("name", LOGS)
def test_same_splats_at_the_same_lines_whatever_the_blocks(name: str, size: int) -> None:
    boot = "".join(line for line in BOOTS[0].splitlines(keepends=True)[:80] if "Linux version" not in line)
    text = boot + LOGS[name] + boot
    assert read_blocks(in_blocks(text, size)) == by_line(text)


@pytest.mark.parametrize("text", [*LOGS.values(), *BOOTS])
def test_no_line_alone_teaches_a_prefix_that_is_the_kernels_own(text: str) -> None:
    for line in text.splitlines(keepends=True):
        unwrapper = Unwrapper()
        unwrapper.learn(line)
        assert unwrapper.strip(line) == line


@given(st.lists(st.sampled_from([*LOGS.values(), *BOOTS]), max_size=4), st.integers(1, 3000))
def test_leaving_out_changes_nothing(texts: list[str], size: int) -> None:
    text = "\n".join(texts)
    found = [splat for splat in read_blocks(in_blocks(text, size)) if splat.kind is not Kind.SILENCE]
    assert tuple(found) == by_line(text)


@given(st.binary(max_size=2000), st.integers(1, 200))
def test_no_bytes_make_it_raise(data: bytes, size: int) -> None:
    text = data.decode(errors="replace")
    splats = read_blocks(in_blocks(text, size))
    records, placed = read_spans(in_blocks(text, size), splats, Unwrapper())
    assert render_text("log", Found(splats=splats, lines=7, is_timed=True), records, placed, {})
    assert len(json.loads("".join(render_json([("log", splats)])))) == len(splats)


# -- silence -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title", "first"),
    [
        ("", "silence from the first line on", 0),
        ("\n \r\n\n", "silence from the first line on", 0),
        (
            "SeaBIOS\n\nDecompressing Linux... done.\nBooting the kernel.\n\n",
            "silence after the boot loader's last words",
            3,
        ),
        ("U-Boot 2024\nStarting kernel ...\n", "silence after the boot loader's last words", 1),
        # whoever ran the machine has the last word
        (
            "U-Boot 2024\nStarting kernel ...\n\nbootloader-commands timed out after 90 seconds\nend: 2\n",
            "silence after the boot loader's last words",
            1,
        ),
        (
            "EFI stub: Exiting boot services...\nqemu-system-riscv64: terminating on signal 15 from pid 7\n",
            "silence after the boot loader's last words",
            0,
        ),
        ("Booting the kernel.\n[    0.000000]\n", "silence after the boot loader's last words", 0),
    ],
)
def test_silence_is_told(text: str, title: str, first: int) -> None:
    assert [(s.kind, s.title, s.first) for s in read_blocks(in_blocks(text, 10))] == [
        (Kind.SILENCE, title, first)
    ]


def test_words_after_the_boot_loader_are_no_silence() -> None:
    assert read_blocks(["Booting the kernel.\n[    0.000000] toy: ready\n"]) == ()


# -- shown ---------------------------------------------------------------------


def test_json_is_a_list_of_what_was_found_by_line() -> None:
    text = BOOTS[2] + LOGS["warning_x86"]
    splats = read_blocks([text])
    (found,) = json.loads("".join(render_json([("toy.log", splats)])))
    start = BOOTS[2].count("\n")
    assert found == {
        "schema": 1,
        "log": "toy.log",
        "fingerprint": splats[0].fingerprint,
        "kind": "warning",
        "title": "WARNING in toy_probe",
        "function": "toy_probe",
        "file": None,
        "line": None,
        "corrupted": False,
        "fatal": False,
        "first_line": start + 2,
        "last_line": start + 17,
    }


def test_json_without_splats_is_an_empty_list() -> None:
    assert json.loads("".join(render_json(()))) == []


def explain(text: str) -> str:
    unwrapper = Unwrapper()
    read = read_log([text], unwrapper)
    records, placed = read_spans([text], read.splats, unwrapper)
    return render_text("toy.log", read, records, placed, {})


def test_text_says_what_where_and_shows_it() -> None:
    shown = explain(LOGS["dentry_in_use"])
    assert shown.splitlines()[:6] == [
        "toy.log: 1 splat (13 lines)",
        "",
        "1. BUG: Dentry still in use [unmount of toyfs toy0]",
        "   kind      bug-report",
        "   function  umount_check",
        "   task      umount/131",
    ]
    assert "   lines     1 to 13" in shown
    assert "    3 | [   12.100020] WARNING: fs/dcache.c:1600 at umount_check+0x5d/0x80" in shown
    assert "Modules linked in" not in shown


def test_text_says_what_is_not_whole() -> None:
    assert "   whole     no: its stack trace is missing" in explain("kernel BUG at drivers/toy.c:9!\n")


def test_equal_splats_are_shown_once_and_counted() -> None:
    shown = explain(LOGS["warning_x86"] * 12)
    assert shown.startswith("toy.log: 12 splats, 1 different (216 lines)\n")
    assert shown.count("WARNING in toy_probe") == 1
    assert "   again     11 times, at line 20, 38, 56, " in shown


def test_no_splats_are_said_to_be_none() -> None:
    assert explain("[    0.100000] toy: ready\n") == "toy.log: no splats (1 line)"


def test_what_was_understood_is_said() -> None:
    shown = explain("dear diary,\n" * 1204)
    assert shown == "toy.log: no splats (1,204 lines, none with a kernel time)"
