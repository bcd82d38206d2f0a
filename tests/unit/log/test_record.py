from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.record import (
    UNKNOWN,
    Line,
    Record,
    Table,
    parse_console,
    parse_kmsg,
    render_record,
    split_table,
    strip_ansi,
)
from rustbed.log.window import Log


def make(
    text: str, *, time_us: int = 1_204_567, level: int = UNKNOWN, facility: int = 0, caller: str = ""
) -> Record:
    return Record(seq=0, level=level, facility=facility, time_us=time_us, text=text, caller=caller)


def as_kmsg(record: Record) -> bytes:
    """What /dev/kmsg would give for a record."""

    def escaped(text: str) -> bytes:
        return b"".join(
            bytes([byte]) if 32 <= byte < 127 and byte != 0x5C else b"\\x%02x" % byte
            for byte in text.encode()
        )

    head = b"%d,%d,%d,-;" % (record.facility << 3 | record.level, record.seq, record.time_us)
    fields = b"".join(b" %s=%s\n" % (name.encode(), escaped(value)) for name, value in record.fields)
    return head + escaped(record.text) + b"\n" + fields


RECORDS = st.builds(
    Record,
    seq=st.integers(0, 2**63),
    level=st.integers(0, 7),
    facility=st.integers(0, 31),
    time_us=st.integers(0, 2**63),
    text=st.text(max_size=60),
    fields=st.lists(
        st.tuples(st.sampled_from(["SUBSYSTEM", "DEVICE"]), st.text(max_size=20)), max_size=2
    ).map(tuple),
)


# -- /dev/kmsg ---------------------------------------------------------------


def test_kmsg_record_has_level_facility_sequence_and_time() -> None:
    records, rest = parse_kmsg(b"12,345,1204567,-;toy: ready\n")
    assert records == (Record(seq=345, level=4, facility=1, time_us=1_204_567, text="toy: ready"),)
    assert rest == b""


def test_kmsg_escapes_become_characters() -> None:
    records, _ = parse_kmsg(rb"6,1,2,-;a\x0ab\x5cx41 gr\xc3\xbcn" + b"\n")
    assert records[0].text == "a\nb\\x41 grün"


def test_kmsg_fields_belong_to_the_record_before_them() -> None:
    records, _ = parse_kmsg(b"6,1,2,-;one\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:03.0\n6,2,3,-;two\n")
    assert records[0].fields == (("SUBSYSTEM", "pci"), ("DEVICE", "+pci:0000:00:03.0"))
    assert records[1].fields == ()


def test_kmsg_ignores_what_later_kernels_add_to_the_prefix() -> None:
    records, _ = parse_kmsg(b"6,1,2,-,caller=T298,more=1;text; with; semicolons\n")
    assert records[0].text == "text; with; semicolons"


def test_kmsg_record_without_its_end_is_kept_for_the_next_chunk() -> None:
    records, rest = parse_kmsg(b"6,1,2,-;one\n6,2,3,-;tw")
    assert [record.text for record in records] == ["one"]
    records, rest = parse_kmsg(rest + b"o\n")
    assert [record.text for record in records] == ["two"]
    assert rest == b""


def test_kmsg_record_with_a_torn_field_is_kept_whole() -> None:
    records, rest = parse_kmsg(b"6,1,2,-;one\n SUBSYSTEM=pci\n DEV")
    assert records == ()
    records, _ = parse_kmsg(rest + b"ICE=x\n")
    assert records[0].fields == (("SUBSYSTEM", "pci"), ("DEVICE", "x"))


def test_kmsg_fields_without_their_record_are_dropped() -> None:
    records, rest = parse_kmsg(b" DEVICE=x\n6,2,3,-;two\n")
    assert [(record.text, record.fields) for record in records] == [("two", ())]
    assert rest == b""


def test_kmsg_lines_that_are_no_records_are_skipped() -> None:
    records, _ = parse_kmsg(b"junk\n6,1,2,-;one\nno;record\n\n999999999,1,1,-;x\n6,2,3,-;two\n")
    assert [record.text for record in records] == ["one", "two"]


def test_kmsg_rest_does_not_grow_for_ever() -> None:
    _, rest = parse_kmsg(b"6,1,2,-;" + b"x" * 200_000)
    assert rest == b""


@given(st.binary(max_size=400))
def test_kmsg_never_raises(data: bytes) -> None:
    records, rest = parse_kmsg(data)
    assert data.endswith(rest)
    assert all(0 <= record.level <= 7 for record in records)


@given(st.lists(RECORDS, max_size=5).map(tuple))
def test_kmsg_gives_back_what_was_written(records: tuple[Record, ...]) -> None:
    assert parse_kmsg(b"".join(map(as_kmsg, records))) == (records, b"")


@given(st.lists(RECORDS, max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_kmsg_loses_no_record_wherever_the_stream_is_cut(records: list[Record], cuts: list[int]) -> None:
    data = b"".join(map(as_kmsg, records))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    seen: list[tuple[int, str]] = []
    rest = b""
    for start, end in pairwise(edges):
        fresh, rest = parse_kmsg(rest + data[start:end])
        seen += [(record.seq, record.text) for record in fresh]
    assert seen == [(record.seq, record.text) for record in records]
    assert rest == b""


# -- console -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "time_us", "level", "text"),
    [
        ("[    1.204567] toy: ready", 1_204_567, UNKNOWN, "toy: ready"),
        ("[    1.204] toy: ready", 1_204_000, UNKNOWN, "toy: ready"),
        ("<4>[    1.204567] toy: ready", 1_204_567, 4, "toy: ready"),
        ("[    1.204567]   indented", 1_204_567, UNKNOWN, "  indented"),
        ("[    1.204567] ", 1_204_567, UNKNOWN, ""),
        ("\x1b[2J\x1b[01;31m[    1.204567] red\x1b[0m\r", 1_204_567, UNKNOWN, "red"),
        ("SeaBIOS (version 1.16)", UNKNOWN, UNKNOWN, "SeaBIOS (version 1.16)"),
        ("[not a time] text", UNKNOWN, UNKNOWN, "[not a time] text"),
    ],
)
def test_console_line(line: str, time_us: int, level: int, text: str) -> None:
    assert parse_console(line) == (Record(seq=0, level=level, facility=0, time_us=time_us, text=text),)


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("[ 1204.567000][  T298] toy", make("toy", time_us=1_204_567_000, caller="T298")),
        ("[    1.204567][    C0]  toy", make(" toy", caller="C0")),
        ("[    C0] toy", make("toy", time_us=UNKNOWN, caller="C0")),
        ("<4>toy", make("toy", time_us=UNKNOWN, level=4)),
        ("<12>[    1.204567] toy", make("toy", level=4, facility=1)),
        ("6,12,1204567,-,caller=T1;toy\\x0atwo", make("toy\ntwo", level=6, caller="T1")),
        ("Sep 23 02:31:11 box kernel: [    1.204567] toy", make("toy")),
        ("Sep  3 02:31:11 box kernel: toy", make("toy", time_us=UNKNOWN)),
        ("2024-09-03T02:31:11.123456+00:00 box kernel: toy", make("toy", time_us=UNKNOWN)),
        ("2024/09/03 02:31:11 toy", make("toy", time_us=UNKNOWN)),
        ("2024-09-03T02:31:11Z [    1.204567][    T7] toy", make("toy", caller="T7")),
        ("[    1.204567] box kernel: toy", make("toy")),
        ("[Tue Sep  3 02:31:11 2024] toy", make("toy", time_us=UNKNOWN)),
        ("kern  :warn  : [    1.204567] toy", make("toy", level=4)),
        ("user  :info  : [    1.204567] toy", make("toy", level=6, facility=1)),
        ("  indented", make("  indented", time_us=UNKNOWN)),
    ],
)
def test_line_of_a_saved_log(line: str, record: Record) -> None:
    assert parse_console(line) == (record,)


def test_console_sequence_is_the_line_number() -> None:
    assert [(r.seq, r.text) for r in parse_console("a\r\n\r\nb\n")] == [(0, "a"), (2, "b")]


# what may begin a line
_PIECES = (
    "[    1.204567]", "[ 1.2] ", "[    C0] ", "[  T298]", "<12>", "kern  :warn  : ", "6,12,1204567,-;",
    "Sep 23 02:31:11 box kernel: ", "[Tue Sep  3 02:31:11 2024] ", "box kernel: ", "\x1b[0m",
    " ", "  ", "\t", ": ", "[", "toy",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=6).map("".join), max_size=6))
def test_console_line_is_the_same_whatever_stands_around_it(lines: list[str]) -> None:
    alone = [(index, parse_console(line)) for index, line in enumerate(lines)]
    expected = [replace(record, seq=index) for index, records in alone for record in records]
    assert list(parse_console("\n".join(lines))) == expected


def test_console_line_torn_by_a_record_is_two() -> None:
    records = parse_console("login: [    1.204567][    C0] toy: one[    1.204600] toy: two")
    assert [(r.time_us, r.text) for r in records] == [
        (UNKNOWN, "login: "),
        (1_204_567, "toy: one"),
        (1_204_600, "toy: two"),
    ]


@given(st.text())
def test_console_never_raises(text: str) -> None:
    for record in parse_console(text):
        assert "\n" not in record.text


@given(st.text(alphabet=st.characters(codec="ascii", min_codepoint=32), min_size=1))
def test_console_reads_what_was_rendered(text: str) -> None:
    record = make(text)
    assert parse_console(render_record(record))[0].time_us == record.time_us


def test_strip_ansi_leaves_plain_text_alone() -> None:
    assert strip_ansi("\x1bc\x1b[?7l\x1b[1;32mgreen\x1b[0m [x]") == "green [x]"


# -- rendering ---------------------------------------------------------------


def test_render_is_what_dmesg_prints() -> None:
    assert render_record(make("toy: ready")) == "[    1.204567] toy: ready"


def test_render_aligns_further_lines() -> None:
    assert render_record(make("one\ntwo\n")) == "[    1.204567] one\n               two"


def test_render_without_a_time_is_the_text() -> None:
    assert render_record(make("SeaBIOS", time_us=UNKNOWN)) == "SeaBIOS"


def test_render_shows_control_characters_and_does_not_send_them() -> None:
    assert render_record(make("a\x1b[2Jb\x00", time_us=UNKNOWN)) == r"a\x1b[2Jb\x00"


@given(st.text())
def test_render_is_printable(text: str) -> None:
    assert "\x1b" not in render_record(make(text))
    render_record(make(text)).encode()


# -- Log ---------------------------------------------------------------------


def test_log_is_searched_by_pattern_and_by_part() -> None:
    log = Log(records=(make("toy: one"), make("toy: two\nlines"), make("other")))
    assert [record.text for record in log.matching(r"^toy: (one|two)")] == ["toy: one", "toy: two\nlines"]
    assert "two\nlines" in log
    assert "three" not in log
    assert log.messages == ["toy: one", "toy: two\nlines", "other"]
    assert len(log) == 3
    assert list(log) == list(log.records)


def test_log_text_is_the_rendered_window() -> None:
    assert Log(records=(make("a"), make("b"))).text == "[    1.204567] a\n[    1.204567] b"


def test_log_without_records_is_false_and_says_so() -> None:
    assert not Log()
    assert repr(Log()) == "<Log: no records>"


def test_log_shows_its_end_when_an_assertion_fails() -> None:
    shown = repr(Log(records=tuple(make(f"line {number}") for number in range(50))))
    assert shown.startswith("<Log: 50 records, the last 20:\n[    1.204567] line 30\n")
    assert shown.endswith("line 49>")


@pytest.mark.parametrize(
    "text",
    [
        "[    1.000000] toy: a\n[    2.000000][   T7]  toy: b\n[    3.000000]",
        "[    1.000000] toy: a\n\n[    2.000000] toy: b",
        "[    1.000000] gondor kernel: toy: a\n[    2.000000] gondor kernel: toy: b",
        "[    1.000000] toy: a\n[ 1.0] toy: b\n[    2.000000][  X7] toy: c",
        "[    1.000000] toy: a\n<4>[    2.000000] toy: b",
        "[    1.000000] toy: a\n[    2.000000]toy: b",
    ],
)
def test_lines_together_are_what_each_is_alone(text: str) -> None:
    alone = [row for number, line in enumerate(text.split("\n")) for row in rows(split_table(line, number))]
    assert rows(split_table(text)) == alone


def rows(table: Table) -> list[tuple[int, str, str, str, Line | None]]:
    """Each line of a table with its columns."""
    columns = zip(table.numbers, table.stamps, table.callers, table.texts, strict=True)
    return [(*row, table.line(number)) for number, row in enumerate(columns)]
