"""The command line and the markers, checked before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed import options
from rustbed.errors import UsageError
from rustbed.forks.machines import Machines
from rustbed.plugin.stash import KNOWN, MACHINES, PLATFORMS, SHARD, TIMES, make_display
from rustbed.prepare import Platforms
from rustbed.report.known import load_known
from rustbed.report.results import load_results
from rustbed.report.shard import parse_shard, recorded_times


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("rustbed", "Rust drivers in the Linux kernel, under QEMU")
    options.add_options(group.addoption)
    group.addoption(
        "--no-fork",
        action="store_true",
        help="boot a machine for every test instead of forking a booted one",
    )
    group.addoption(
        "--results",
        metavar="DIR",
        help="where every run leaves junit.xml and its run directories (default: results)",
    )
    group.addoption(
        "--confirm",
        type=_count,
        default=0,
        metavar="N",
        help="run each red test N times more, on new machines, and report how often it was red; it stays red",
    )
    group.addoption(
        "--known-issues", metavar="FILE", help="YAML, failures that are known: they are red and say so"
    )
    group.addoption(
        "--on-failure", choices=("shell",), help="stop at a red test, with a shell in its machine"
    )
    group.addoption(
        "--record",
        action="store_true",
        help="repeat a red test's commands on a machine that is recorded",
    )
    group.addoption("--shard", metavar="I/N", help="run part I of N; `rustbed gate` judges all together")
    group.addoption(
        "--shard-times",
        action="append",
        default=[],
        metavar="PATH",
        help="earlier results: how long tests took; the same for all parts",
    )


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


MARKERS = (
    "machine(devices, memory_mib, cpus, profile, cmdline, machine_options, device_tree, acpi, free_ports,"
    " qemu_args): what this test's machine must have; keywords only, docs/writing-tests.md explains them",
    "arches(*names): run on these architectures only",
    "needs(*names): skip, by name, where the kernel lacks one of these modules or options (CONFIG_...)",
    "since(version): skip on kernels older than that, as 6.18",
    "expect_splat(pattern, kind=None): the kernel must report this, and may",
    "kmemleak: look for leaked memory when the test is done; skip, by name, where the kernel cannot",
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options at once and make what the session shares."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        chosen = options.read_choices(config.getoption)
        options.read_arches(config.getoption)
        if config.getoption("--on-failure") and config.getoption("numprocesses", None):
            raise UsageError("--on-failure needs the terminal, and -n has many workers for it", fix="-n 0")
        known = config.getoption("--known-issues")
        config.stash[KNOWN] = load_known(Path(known)) if known else ()
        shard = config.getoption("--shard")
        config.stash[SHARD] = parse_shard(shard) if shard else None
        times = config.getoption("--shard-times")
        config.stash[TIMES] = recorded_times(load_results(map(Path, times))) if times else {}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    display = make_display(config)
    config.stash[PLATFORMS] = Platforms(chosen, display)
    config.stash[MACHINES] = Machines(chosen.cache, display, forks=not config.getoption("--no-fork"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the machine that stands by."""
    if MACHINES in config.stash:
        config.stash[MACHINES].close()
