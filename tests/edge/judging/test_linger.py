"""What a driver leaves behind is waited for as long as the option or the marker says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.judging.told import read_told, run

MARKED = {"test_long": "fail", "test_short": "pass", "test_fixture": "fail"}


@pytest.mark.parametrize(
    ("words", "chosen", "unmarked"),
    [
        (["--linger", "0"], "not soon", {"test_unmarked_late": "pass"}),
        (["--rustbed-linger=3"], "not late", {"test_unmarked_soon": "fail"}),
    ],
)
def test_linger(tmp_path: Path, words: list[str], chosen: str, unmarked: dict[str, str]) -> None:
    results = tmp_path / "results"
    done = run("scene_linger.py", results, *words, "-k", chosen)
    found = read_told(results, done.stdout)
    assert {name: told.verdict for name, told in found.items()} == {**MARKED, **unmarked}
    assert all(told.agree() for told in found.values()), found
    assert "UsageError: linger takes a number of seconds: ('soon',)" in done.stdout
