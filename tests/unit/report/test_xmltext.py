"""What XML forbids, in results of tests that print anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rustbed.report.dialects import parse_results
from rustbed.report.result import Result
from rustbed.report.xmltext import clean_xml


def failure(said: bytes, declared: str = "") -> str:
    head = f'<?xml version="1.0" encoding="{declared}"?>'.encode() if declared else b""
    return read(
        head + b'<testsuite><testcase name="a"><failure>' + said + b"</failure></testcase></testsuite>"
    )


def read(*chunks: bytes) -> str:
    result: Result
    (result,) = parse_results(chunks, Path("r.xml"))[0]
    return result.details


@pytest.mark.parametrize(
    ("said", "details"),
    [
        (b"<![CDATA[\x1b[31moops\x1b[0m]]>", "oops"),
        (b"\x1b[1;32mok\x1b[m then \x07 a bell", "ok then \\x07 a bell"),
        (b"&#27;[0;32mgreen&#x1b;[0m", "green"),
        (b"zero \x00 and &#0; and &#xFFFF;", "zero \\x00 and \\x00 and \\uffff"),
        (b"&#xD800; &#1114112;", "\\ud800 \\u110000"),
        (b"&#65;&#x42;&amp;", "AB&"),
        (b"pr\xfcfen", "pr\\xfcfen"),
        ("prüfen".encode(), "prüfen"),
        (b"\x1b", "\\x1b"),
        (b"\x1b[", "\\x1b["),
    ],
)
def test_what_xml_forbids_is_read(said: bytes, details: str) -> None:
    assert failure(said) == details


def test_a_declared_encoding_is_that_of_the_text() -> None:
    assert failure("prüfen".encode("latin-1"), "iso-8859-1") == "prüfen"
    assert failure("試験".encode("gb18030"), "gb18030") == "試験"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_wide_characters_are_text(encoding: str) -> None:
    document = '<testsuite><testcase name="a"><failure>\x1b[31mprüfen</failure></testcase></testsuite>'
    assert read(document.encode(encoding)) == "prüfen"


PARTS = st.lists(
    st.sampled_from([b"&#", b"27;", b"\x1b", b"[3", b"1m", b"x", b"&#2", b"7;", b"\xc3", b"\xbc"])
)


@given(PARTS)
# a reference that is the first character of a colour
@example([b"&#", b"27;", b"[3", b"1m"])
def test_where_chunks_end_changes_nothing(parts: list[bytes]) -> None:
    assert b"".join(clean_xml(parts)) == b"".join(clean_xml([b"".join(parts)]))


@given(PARTS)
# a colour in the middle of a reference
@example([b"&#2", b"\x1b", b"[3", b"1m", b"7;"])
def test_nothing_that_was_forbidden_is_left(parts: list[bytes]) -> None:
    cleaned = b"".join(clean_xml(parts))
    assert b"\x1b" not in cleaned
    assert b"&#27;" not in cleaned
