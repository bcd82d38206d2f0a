"""Benchmarks: measure and render a table; assert nothing.

Every figure of a table is measured in the same run, alternating, so that the
ratios hold on a noisy machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.bench.boot import bench_boot
from harness.bench.fork import bench_churn, bench_fork
from harness.cache import Cache
from harness.prepare import Platform

# each takes platforms, how often to measure, and the cache
BENCHES: dict[str, Callable[[Sequence[Platform], int, Cache], str]] = {
    "boot": bench_boot,
    "fork": bench_fork,
    "churn": bench_churn,
}
