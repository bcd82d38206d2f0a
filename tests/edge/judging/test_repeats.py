"""A splat that many tests met is printed whole once, whichever process ran them; the files have each one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.edge.judging.told import run

SCENE = "scene_repeats.py"
RECORD = re.compile(r"^ .*WARNING: drivers/toy/toy.c:88 at (toy_\w+)\+", re.MULTILINE)
REFERENCE = re.compile(r"^ *splat  as of tests/edge/judging/scene_repeats\.py::(.*), above$", re.MULTILINE)
RUN = re.compile(r"^ *run    (.*)$", re.MULTILINE)


def sections(output: str) -> dict[str, str]:
    """Return what pytest printed of each failure, in its order."""
    failures = output.partition("= FAILURES =")[2].partition("short test summary")[0]
    parts = re.split(r"^_+ (test_.*) _+$", failures, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_splat_is_printed_once(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(SCENE, tmp_path / "results", *words)
    printed = sections(done.stdout)
    order = list(printed)
    assert len(order) == 7, done.stdout
    # the first of each kind, and the one that met both
    whole = {name: found[1] for name, text in printed.items() if (found := RECORD.search(text))}
    assert (sorted(whole.values()), "test_meets_both" in whole) == (
        ["toy_probe", "toy_probe", "toy_remove"],
        True,
    )
    referring = {name: found[1] for name, text in printed.items() if (found := REFERENCE.search(text))}
    assert len(referring) == 2, done.stdout
    for name, shown in referring.items():
        assert (shown in whole, order.index(shown) < order.index(name)) == (True, True), done.stdout
        own = RUN.search(printed[name])
        assert own is not None
        assert Path(own[1], "verdict.json").is_file()
    # what fails without a splat shows its own records
    assert [text.count("] toy is here") for name, text in printed.items() if "test_fails" in name] == [1, 1]
    # pytest's summary has each test's reason, and the files have all of it
    assert len(re.findall(r"^FAILED .* - WARN", done.stdout, re.MULTILINE)) == 5
    junit = ET.parse(tmp_path / "results" / "latest" / "junit.xml")  # noqa: S314 - our own file
    details = [case.findtext("failure") or "" for case in junit.iter("testcase")]
    assert len([text for text in details if RECORD.search(text)]) == 5


def test_a_very_verbose_session_prints_each_whole(tmp_path: Path) -> None:
    done = run(SCENE, tmp_path / "results", "-vvv", "-k", "meets and probe")
    assert [bool(RECORD.search(text)) for text in sections(done.stdout).values()] == [True, True], done.stdout
