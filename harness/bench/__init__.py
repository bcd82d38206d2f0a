"""Benchmarks: they measure and render a table, and assert nothing.

The figures of a table are measured alternately in one run, so that ratios hold on a noisy host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rustbed.bench.boot import bench_boot
from rustbed.bench.churn import bench_churn
from rustbed.bench.devices import bench_devices
from rustbed.bench.explain import bench_explain
from rustbed.bench.first_verdict import bench_first_verdict
from rustbed.bench.fork import bench_fork
from rustbed.cache import Cache
from rustbed.prepare import Platform

# each takes the platforms, the number of runs, and the cache
BENCHES: dict[str, Callable[[Sequence[Platform], int, Cache], str]] = {
    "boot": bench_boot,
    "first-verdict": bench_first_verdict,
    "fork": bench_fork,
    "churn": bench_churn,
    "devices": bench_devices,
    "explain": lambda _platforms, _runs, _cache: bench_explain(),
}
# benchmarks without a kernel; they get no platforms
WITHOUT_MACHINES = frozenset({"explain"})
