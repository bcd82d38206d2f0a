"""The report tool of tests/bench finds fault where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bench.corpus import judge, load, main

from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats

LOG = "BUG: KASAN: use-after-free in toy_b+0x1/0x2\nRead of size 8 at addr 1\nCall Trace:\n toy_b+0x1/0x2\n"
RIGHT = {"found": True, "kind": True, "function": True, "corrupted": True}


def answers(tmp_path: Path, text: str) -> dict[str, bool]:
    (tmp_path / "1").write_text(text)
    file = load(tmp_path / "1")
    return {question: right for question, right, _, _ in judge(file, find_splats(parse_console(file.log)))}


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ("TITLE: KASAN: use-after-free Read in toy_b\nTYPE: KASAN-USE-AFTER-FREE-READ", set()),
        ("TITLE: KASAN: use-after-free in toy_b at addr ADDR\nTYPE: KASAN-READ", set()),
        ("TITLE: KASAN: use-after-free Read in toy_a\nTYPE: KASAN-READ", {"function"}),
        ("TITLE: WARNING in toy_b\nTYPE: WARNING", {"kind"}),
        ("TITLE: KASAN: use-after-free Read in toy_b\nTYPE: KASAN-READ\nCORRUPTED: Y", {"corrupted"}),
    ],
)
def test_labels_are_compared_with_what_was_found(tmp_path: Path, head: str, wrong: set[str]) -> None:
    found = answers(tmp_path, f"{head}\n\n{LOG}\n\nREPORT:\nkernel BUG at a.c:1!\n")
    assert found == {question: question not in wrong for question in RIGHT}


def test_splat_where_none_should_be_is_wrong(tmp_path: Path) -> None:
    assert answers(tmp_path, f"\n{LOG}") == {"found": False}
    assert answers(tmp_path, "\nall is well\n") == {"found": True}


def test_splat_that_is_not_found_is_wrong_in_everything(tmp_path: Path) -> None:
    found = answers(tmp_path, "TITLE: WARNING in toy_b\nTYPE: WARNING\n\nall is well\n")
    assert found == dict.fromkeys(RIGHT, False)


def test_figures_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "1").write_text(f"TITLE: WARNING in toy_a\nTYPE: WARNING\n\n{LOG}")
    assert main([str(tmp_path), "-v"]) == 0
    shown = capsys.readouterr().out
    assert "wanted WARNING in toy_a" in shown
    assert "found         1 of    1  100.0 %" in shown
    assert "function      0 of    1    0.0 %" in shown
