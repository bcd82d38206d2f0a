"""The page of a session: whole, readable without a network, and closed to what guests write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from rustbed.report.html import Entry, Session, render_page
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

STARTED = datetime(2026, 11, 21, 7, 0, 0, tzinfo=UTC)
VOID = {"meta", "br", "link", "img"}


class Reader(HTMLParser):
    """Hears elements; complains of those that are not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not (self.open and self.open[-1] != tag):
            self.open.pop()
        else:
            # <line ... /> is heard as a start and an end
            assert tag in ("line",), (tag, self.open)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def entry(
    name: str = "test_a",
    outcome: str = "pass",
    *,
    arch: str = "arm64",
    details: str = "",
    message: str = "",
    console: str = "",
    worker: str = "",
    **properties: str,
) -> Entry:
    result = Result(
        classname="tests.test_x",
        name=name,
        arch=arch,
        outcome=Outcome(outcome),
        file="tests/test_x.py",
        seconds=1.0,
        message=message,
        details=details,
        properties=properties,
    )
    return Entry(result=result, started=0.5, ended=1.5, worker=worker, console=console)


def unrun(name: str, worker: str = "") -> Entry:
    return replace(entry(name, worker=worker), started=None, ended=None)


def render(*entries: Entry, wrong: tuple[str, ...] = ()) -> str:
    return render_page(Session(started=STARTED, asked="kernel debian:latest", entries=entries, wrong=wrong))


def read(*entries: Entry) -> Reader:
    return Reader(render(*entries))


def test_matrix_has_a_row_per_test_and_a_column_per_architecture() -> None:
    page = read(entry(arch="arm64"), entry(arch="riscv64"), entry("test_b", arch="riscv64"))
    heads = [attrs for tag, attrs in page.elements if tag == "th" and attrs.get("scope") == "col"]
    rows = [attrs for tag, attrs in page.elements if tag == "th" and attrs.get("scope") == "row"]
    assert (len(heads), len(rows)) == (3, 2)
    assert {"arm64", "riscv64", "test_a", "test_b"} <= set(page.text)


def test_each_red_one_has_an_article_that_its_cell_leads_to() -> None:
    page = read(entry(), entry("test_b", "crash", details="the trace", console="the console"))
    anchors = [attrs["id"] for tag, attrs in page.elements if tag == "article"]
    links = {attrs.get("href") for tag, attrs in page.elements if tag == "a"}
    assert links == {f"#{anchor}" for anchor in anchors}
    assert len(anchors) == 1
    assert {"the trace", "the console"} <= set(page.text)


def test_facts_of_a_red_one_stand_there() -> None:
    page = render(
        entry(
            outcome="fail",
            splat="WARNING in f",
            fingerprint="0123456789ab",
            source="drivers/toy.rs:7",
            confirmed="red 2 of 3",
            confirm_1="crash 0123456789ab WARNING in f",
            known_issue="a reason, https://example.org",
            run_directory="/results/x",
            kernel_release="7.3.4",
        )
    )
    for text in (
        "WARNING in f",
        "0123456789ab",
        "drivers/toy.rs:7",
        "red 2 of 3<br>crash 0123456789ab WARNING in f",
        "a reason, https://example.org",
        "/results/x",
        "running 7.3.4",
    ):
        assert text in page


def test_red_ones_with_one_fingerprint_lead_to_each_other() -> None:
    same = {"splat": "W", "fingerprint": "aa"}
    page = render(entry("test_a", "fail", **same), entry("test_b", "fail", **same), entry("test_c", "fail"))
    assert page.count("the same in") == 2


def test_the_list_of_red_ones_begins_with_crashes_and_has_a_failure_once() -> None:
    page = render(
        entry("test_a", "fail", splat="WARNING in f", fingerprint="aa", message="WARNING in f, f.rs:1"),
        entry("test_b", "error", message="no kernel"),
        entry("test_c", "crash", splat="Oops", fingerprint="bb", message="Oops in g, g.rs:2"),
        entry("test_d", "fail", splat="WARNING in f", fingerprint="aa", message="WARNING in f, f.rs:1"),
    )
    listed = page[page.index('<ul class="reds">') : page.index("<h2>Tests by architecture</h2>")]
    order = ["Oops in g, g.rs:2", "test_c", "WARNING in f, f.rs:1", "test_a", "test_d", "no kernel", "test_b"]
    assert sorted(order, key=listed.index) == order
    assert [listed.count(text) for text in order] == [1] * len(order)


def test_all_green_says_so_and_has_no_red_section() -> None:
    page = render(entry())
    assert "<title>rustbed: 1 test, none red</title>" in page
    assert "<article" not in page


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_a_word_and_not_only_a_colour(outcome: Outcome) -> None:
    assert f">{outcome}</span>" in render(entry(outcome=outcome.value))


def test_time_line_has_a_lane_per_worker() -> None:
    page = read(entry(worker="gw0"), entry("test_b", worker="gw1"), unrun("test_c", "gw2"))
    assert len([tag for tag, _ in page.elements if tag == "rect"]) == 2
    assert {"gw0", "gw1"} <= set(page.text)
    assert "gw2" not in page.text


def test_nothing_ran_and_the_page_is_there() -> None:
    assert "0 tests, none red" in render()
    assert "svg width" not in render(unrun("test_a"))


def test_page_leads_to_the_lines_that_ran_if_there_are_any() -> None:
    page = render_page(Session(started=STARTED, asked="", entries=(), coverage="coverage.html"))
    assert '<a href="coverage.html">' in page
    assert "coverage.html" not in render()


def test_errors_of_known_issues_are_shown() -> None:
    assert "known issues: k.yaml:3: expired" in render(entry(), wrong=("known issues: k.yaml:3: expired",))


def test_page_needs_nothing_from_anywhere() -> None:
    page = read(entry(outcome="crash", details="see https://example.org/x.js", console="y"))
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {
        tag for tag, _ in page.elements
    }
    addresses = [
        attrs[key] for _, attrs in page.elements for key in ("src", "href", "action") if key in attrs
    ]
    assert [address for address in addresses if not (address or "").startswith("#")] == []
    policy = next(attrs for tag, attrs in page.elements if "http-equiv" in attrs)
    assert "default-src 'none'" in (policy["content"] or "")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></article><h1>all is well</h1>",
    "<!-- ]]> -->",
    "&lt;script&gt;",
    "$title ${about} $$",
    "\x1b[31mred\x00\x07\x9b",
    "\u202egnirts\u2066",
    "\ud800\udfff",
    b"\xff\xfe\x80".decode(errors="replace"),
    "a\r\nb\rc",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_guests_write_stays_text(text: str) -> None:
    everywhere = {
        "splat": text,
        "fingerprint": text,
        "source": text,
        "run_directory": text,
        "confirmed": text,
    }
    red = entry(text, "crash", arch=text, details=text, message=text, console=text, worker=text, **everywhere)
    tame = entry(
        "x",
        "crash",
        arch="x",
        details="x",
        message="x",
        console="x",
        worker="x",
        **dict.fromkeys(everywhere, "x"),
    )
    page, plain = read(red), read(tame)
    assert [tag for tag, _ in page.elements if tag != "p"] == [tag for tag, _ in plain.elements if tag != "p"]
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    render(red).encode()


def test_flood_is_cut() -> None:
    page = render(entry(outcome="fail", details="x" * (1 << 20), message="y" * (1 << 20)))
    assert len(page) < 1 << 18
