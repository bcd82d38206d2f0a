"""Benchmarks: measure and render a table; assert nothing.

Every figure of a table is measured in the same run, alternating, so that the
ratios hold on a noisy machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.bench.boot import bench_boot
from harness.bench.churn import bench_churn
from harness.bench.explain import bench_explain
from harness.bench.fork import bench_fork
from harness.cache import Cache
from harness.prepare import Platform

# each takes platforms, how often to measure, and the cache
BENCHES: dict[str, Callable[[Sequence[Platform], int, Cache], str]] = {
    "boot": bench_boot,
    "fork": bench_fork,
    "churn": bench_churn,
    "explain": lambda _platforms, _runs, _cache: bench_explain(),
}
# these need no kernel, and get no platforms
WITHOUT_MACHINES = frozenset({"explain"})
