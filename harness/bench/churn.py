"""Measures whether a thousand forks leave memory, descriptors, threads or files in the process."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed.bench.forked import DRIVER, first_answer_ms, forked, median_ms
from rustbed.cache import Cache
from rustbed.errors import HarnessError
from rustbed.forks.machines import Machines
from rustbed.prepare import Platform
from rustbed.procfs import descriptors, memory_mib
from rustbed.progress import ignore


@dataclass(frozen=True, kw_only=True)
class Churn:
    """The resources of this process after many forks."""

    machine: str
    # forks so far
    forks: int
    failed: int
    # milliseconds to the first answer, of the last tenth
    answers: tuple[float, ...]
    # forks of the last tenth in a second, each with a driver loaded and unloaded
    rate: float
    rss_mib: float
    descriptors: int
    threads: int
    files: int


def _churn(platform: Platform, runs: int, cache: Cache, scratch: Path) -> Iterator[Churn]:
    """Make forks that load and unload a driver, and yield the resources held after each tenth of them."""
    failed, answers = 0, []
    tenth = max(1, runs // 10)
    began = time.monotonic()
    with Machines(cache, ignore) as machines:
        for number in range(1, runs + 1):
            try:
                # one directory for all, so that files that forks leave behind are counted
                with forked(machines, platform, scratch / "run") as vm, vm.module(DRIVER):
                    answers.append(first_answer_ms(vm))
            except HarnessError:
                failed += 1
            if number % tenth == 0:
                yield Churn(
                    machine=platform.name,
                    forks=number,
                    failed=failed,
                    answers=tuple(answers),
                    rate=len(answers) / (time.monotonic() - began),
                    rss_mib=memory_mib(os.getpid(), "Rss"),
                    descriptors=len(descriptors(os.getpid())),
                    threads=threading.active_count(),
                    files=sum(len(names) for _, _, names in os.walk(scratch)),
                )
                answers, began = [], time.monotonic()


def render_churn(rows: Sequence[Churn]) -> str:
    """Render a line for each tenth of the forks."""
    lines = ["machine     forks  failed       fork  a second      memory  descriptors  threads  files"]
    lines += [
        f"{row.machine:<9}  {row.forks:>6}  {row.failed:>6}  {median_ms(row.answers):>9}  {row.rate:>8.1f}"
        f"  {row.rss_mib:>7.1f} MiB  {row.descriptors:>11}  {row.threads:>7}  {row.files:>5}"
        for row in rows
    ]
    return "\n".join(lines)


def bench_churn(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render what this process holds after each tenth of many forks that load and unload a driver."""
    rows: list[Churn] = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            rows += _churn(platform, runs, cache, Path(scratch))
    return render_churn(rows)
