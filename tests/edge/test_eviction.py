"""Which entries of the cache are removed, by age and by size."""

from __future__ import annotations

import os
import time
from pathlib import Path

from rustbed.cache import Cache


def aged(cache: Cache, key: str, age_s: float, size: int = 4096) -> Path:
    def fill(directory: Path) -> dict[str, object]:
        (directory / "file").write_bytes(b"x" * size)
        return {}

    cache.publish("things", key, fill)
    path = cache.path("things", key)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def names(cache: Cache) -> list[str]:
    return sorted(path.name for path in (cache.root / "things").iterdir())


def test_entries_that_are_too_old_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    aged(cache, "old", 100)
    aged(cache, "young", 10)
    cache.evict("things", max_age_s=50, max_bytes=1 << 30)
    assert names(cache) == ["young"]


def test_oldest_entries_beyond_the_size_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for age in (30, 10, 20):
        aged(cache, f"age-{age}", age, size=1 << 20)
    cache.evict("things", max_age_s=1000, max_bytes=(5 << 20) // 2)
    assert names(cache) == ["age-10", "age-20"]


def test_what_a_killed_process_left_goes_and_what_is_being_made_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    aged(cache, "whole", 1)
    for key in ("left", "made"):
        (cache.root / "things" / f".{key}.x1y2").mkdir()
    with cache.lock("things-made"):
        cache.evict("things", max_age_s=1000, max_bytes=1 << 30)
    assert names(cache) == [".made.x1y2", "whole"]


def test_evicting_where_there_is_nothing_is_no_error(tmp_path: Path) -> None:
    Cache(tmp_path).evict("things", max_age_s=1, max_bytes=1)
