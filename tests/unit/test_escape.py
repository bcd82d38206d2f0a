"""Whatever bytes a guest or a file system has: what is written of them is valid and stays in place."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rustbed.escape import html_text, markdown_cell, one_line, printable, render_json
from rustbed.report.accesses import Row, Served
from rustbed.report.dialects import parse_results
from rustbed.report.html import Entry, Session, render_page
from rustbed.report.junit import render_junit
from rustbed.report.result import Result
from rustbed.report.rundir import write_verdict
from rustbed.report.verdict import Outcome, Verdict

# as they come from a console, from file names, from a program's output; and what no decoder makes
DECODERS = ("replace", "surrogateescape", "backslashreplace")
BYTES = st.builds(
    lambda data, errors: data.decode(errors=errors), st.binary(max_size=60), st.sampled_from(DECODERS)
)
TEXTS = BYTES | st.text(st.characters(codec=None, categories=None), max_size=40)


@given(TEXTS)
def test_printable_text_has_an_encoding_and_nothing_to_obey(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not set("\x00\x1b\x7f\x9b\r\u202e\u2066\ufeff") & set(shown)
    assert printable(shown) == shown


def test_text_that_can_be_shown_stays() -> None:
    assert printable("ä € 𝄞\t\n") == "ä € 𝄞\t\n"
    assert printable("\x1b[31m \udcff \u202e\r\n") == "\\x1b[31m \\udcff \\u202e\n"


@given(TEXTS)
def test_a_line_is_one(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(TEXTS)
def test_html_gives_it_back_as_text(text: str) -> None:
    class Reader(HTMLParser):
        data = ""

        def handle_data(self, data: str) -> None:
            self.data += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            pytest.fail(f"an element: {tag}")

    reader = Reader()
    reader.feed(html_text(text))
    reader.close()
    assert reader.data == printable(text)


@given(TEXTS)
def test_a_cell_of_markdown_is_one(text: str) -> None:
    row = f"| {markdown_cell(text)} |"
    assert len(row.splitlines()) == 1
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 2
    assert "<" not in row


@given(st.recursive(TEXTS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_can_be_encoded_again(value: object) -> None:
    json.dumps(json.loads(render_json(value)), ensure_ascii=False).encode()


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_results_of_any_text_are_read_again(name: str, text: str) -> None:
    case = Result(
        name=name,
        classname=name,
        outcome=Outcome.FAIL,
        file=name,
        message=text,
        details=text,
        properties={text: text, "run_directory": text},
        system_out=text,
    )
    document = render_junit(text, [case], properties=((text, text),)).encode()
    ET.fromstring(document)  # noqa: S314 - our own
    (result,) = parse_results([document], Path("junit.xml"))[0]
    served = Served(name=text, rows=(Row(at_s=0.0, text=text), Row(at_s=0.5, text=text, is_kernel=True)))
    entry = Entry(result=result, worker=text, console=text, served=(served,))
    render_page(Session(started=datetime.now(UTC), asked=text, entries=(entry,), wrong=(text,))).encode()


@settings(max_examples=20)
@given(TEXTS)
def test_a_verdict_of_any_text_is_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("verdict") / "verdict.json"
    write_verdict(path, Verdict(outcome=Outcome.FAIL, reason=text), test=text)
    assert json.loads(path.read_text(encoding="utf-8"))["reason"] == printable(text)
