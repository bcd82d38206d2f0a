"""Times of earlier sessions, as their results have them."""

from __future__ import annotations

from pathlib import Path

from rustbed.farm.times import load_times

A, B, C = "test_a.py::test_a", "test_a.py::test_b", "test_a.py::test_c"


def session(results: Path, name: str, **seconds: float) -> Path:
    """Make a session that ran some tests; without any, its results are unreadable."""
    cases = "".join(
        f'<testcase classname="test_a" name="test_{test}" time="{time}"/>' for test, time in seconds.items()
    )
    directory = results / name
    directory.mkdir()
    (directory / "junit.xml").write_text(f"<testsuite>{cases}</testsuite>" if seconds else "<testsuite>")
    return directory


def test_each_test_has_its_newest_time(tmp_path: Path) -> None:
    session(tmp_path, "20260101T000000Z-1", a=1, b=2)
    session(tmp_path, "20260102T000000Z-1", a=3)
    session(tmp_path, "20260103T000000Z-1")
    (tmp_path / "latest").symlink_to("20260103T000000Z-1")
    # this session's own, which is written at its end
    now = session(tmp_path, "20260104T000000Z-1", c=9)
    assert load_times(now, [A, B, C]) == {A: 3, B: 2}


def test_sessions_of_long_ago_are_not_read(tmp_path: Path) -> None:
    for day in range(1, 8):
        session(tmp_path, f"2026010{day}T000000Z-1", **{"b" if day == 2 else "a": day})
    assert load_times(tmp_path / "20260108T000000Z-1", [A, B]) == {A: 7}
