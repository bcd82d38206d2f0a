"""Shards: a session divided over machines by the times its tests took before.

Owns the division, which depends on its arguments only, so that independent machines
agree on it. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from rustbed.errors import UsageError
from rustbed.report.cases import key_of
from rustbed.report.jobarray import AUTO, find_shard
from rustbed.report.results import Results

Key = tuple[str, str, str]


def parse_shard(text: str, env: Mapping[str, str]) -> tuple[int, int]:
    """Return the number (from 1) and count of I/N, or of the environment for `auto` and `auto/N`.

    Raises UsageError.
    """
    first, slash, second = text.partition("/")
    if first == AUTO and not slash:
        return find_shard(None, env)
    if first == AUTO and _is_count(second):
        return find_shard(int(second), env)
    if _is_count(first) and _is_count(second) and int(first) <= int(second):
        return int(first), int(second)
    raise UsageError(f"not a shard: {text!r}", example="2/3 is the second of three")


def _is_count(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) < 10_000


def recorded_times(results: Results) -> dict[Key, float]:
    """Return the seconds that tests took, including boots, of the results that have times."""
    times: dict[Key, float] = {}
    for key, result in results.tests.items():
        boot_ms = result.properties.get("boot_ms", "")
        if result.seconds is not None:
            times[key] = result.seconds + (int(boot_ms) / 1000 if boot_ms.isdecimal() else 0.0)
    return times


def divide(tests: Sequence[str], times: Mapping[Key, float], count: int) -> list[int]:
    """Return the shard, from 1 to `count`, of each test, given by its id.

    Each shard has neighbouring tests, so that few shards need an architecture's kernel. A
    shard is full when it has its part of the remaining time. No shard is empty if there are
    enough tests. A test without a recorded time gets the median.
    """
    from statistics import median  # noqa: PLC0415 - few sessions are divided

    usual = median(times.values()) if times else 1.0
    seconds = [max(times.get(key_of(test), usual), 1e-3) for test in tests]
    left, shard, filled = sum(seconds), 1, 0.0
    numbers: list[int] = []
    for index, each in enumerate(seconds):
        wanted = left / (count - shard + 1)
        # full if adding the test would overshoot by more than half of the test
        is_full = filled > 0 and filled + each / 2 > wanted
        is_needed = filled > 0 and len(seconds) - index <= count - shard
        if shard < count and (is_full or is_needed):
            left, shard, filled = left - filled, shard + 1, 0.0
        numbers.append(shard)
        filled += each
    return numbers


def render_plan(tests: Sequence[str], numbers: Sequence[int]) -> str:
    """Return 12 hexadecimal digits that identify a division; all its shards have the same."""
    lines = (f"{number} {test}" for test, number in zip(tests, numbers, strict=True))
    return hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()[:12]
