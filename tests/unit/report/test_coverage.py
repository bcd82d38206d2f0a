"""Lines that ran: as a table, for genhtml, and as a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.report.coverage import (
    covered_files,
    load_covered,
    parse_lcov,
    percent,
    render_annotations,
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


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest/coverage.lcov").write_text(render_lcov(FILES))
    read = list(load_covered([tmp_path, tmp_path / "junit.xml"]))
    assert [(file.path, dict(file.lines)) for file in read] == [
        (file.path, dict(file.lines)) for file in FILES
    ]


def test_others_traces_are_read_and_what_is_none_is_named(tmp_path: Path) -> None:
    # checksums and branches, as lcov and grcov write them
    text = (
        "SF:/src/a b.c\nFN:1,main\nDA:1,4,abc\nBRDA:1,0,0,-\nend_of_record\nSF:/src/empty.c\nend_of_record\n"
    )
    assert [(str(file.path), file.lines) for file in parse_lcov(text)] == [("/src/a b.c", {1: 4})]
    (tmp_path / "coverage.lcov").write_text("SF:a.c\nDA:one,1\nend_of_record\n")
    with pytest.raises(UsageError, match=r"coverage\.lcov"):
        list(load_covered([tmp_path]))


def test_lines_that_no_test_ran_are_notices_in_files_of_the_project() -> None:
    assert render_annotations(FILES, Path("/src")).splitlines() == [
        "::notice file=a.rs,line=4,endLine=5,title=did not run::no test ran this",
        "::notice file=a.rs,line=12,endLine=12,title=did not run::no test ran this",
    ]
    assert render_annotations(FILES, Path("/elsewhere")) == ""
