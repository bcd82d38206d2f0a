"""Lines that ran: as a table, for genhtml, and as a page."""

from __future__ import annotations

from pathlib import Path

from rustbed.report.coverage import (
    covered_files,
    percent,
    render_lcov,
    render_page,
    render_spans,
    render_table,
)

PATHS = {"a.rs": Path("/src/a.rs"), "b.rs": Path("/src/b.rs")}
FILES = covered_files(
    {("b.rs", 1): 1, ("a.rs", 12): 0, ("a.rs", 3): 2, ("a.rs", 4): 0, ("a.rs", 5): 0}, PATHS
)


def test_table_has_a_row_for_each_file_and_one_for_all() -> None:
    assert render_table(FILES) == [
        "file  lines  ran         did not run",
        "a.rs      4    1   25 %  4-5, 12",
        "b.rs      1    1  100 %",
        "all       5    2   40 %",
    ]
    assert render_table(FILES[1:])[-1].startswith("b.rs")


def test_share_is_never_rounded_up_to_all() -> None:
    assert [percent(999, 1000), percent(1000, 1000), percent(0, 0)] == ["99 %", "100 %", "-"]


def test_neighbours_are_written_as_a_span() -> None:
    assert render_spans([1, 3, 4, 5, 9]) == "1, 3-5, 9"
    assert render_spans([]) == ""


def test_trace_has_the_lines_of_each_file_in_order() -> None:
    first = "TN:\nSF:/src/a.rs\nDA:3,2\nDA:4,0\nDA:5,0\nDA:12,0\nLF:4\nLH:1\nend_of_record\n"
    assert render_lcov(FILES) == f"{first}TN:\nSF:/src/b.rs\nDA:1,1\nLF:1\nLH:1\nend_of_record\n"


def test_page_marks_lines_that_ran_and_that_did_not() -> None:
    text = "\n".join(["//! <b>", "", "ran();", "missed();", "}"])
    page = render_page(FILES, {Path("/src/a.rs"): text}, ["it & that"])
    assert '<span class="ran">    3     2  ran();</span>' in page
    assert '<span class="missed">    4     0  missed();</span>' in page
    assert "<span>    1        //! &lt;b&gt;</span>" in page
    assert "it &amp; that" in page
    assert "2 of 5 lines ran" in page


def test_page_has_the_numbers_of_a_file_that_is_not_at_hand() -> None:
    assert '<span class="ran">    1     1  </span>' in render_page(FILES, {}, [])
