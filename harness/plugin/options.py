"""The command line and the markers, checked before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.arch import ARCHES, Arch
from harness.errors import UsageError
from harness.machine.machines import Machines
from harness.plugin.stash import KNOWN, MACHINES, PLATFORMS, SHARD, TIMES, make_display
from harness.prepare import ACCELS, TOOLCHAINS, Choices, Platforms, select_arches
from harness.report.known import load_known
from harness.report.results import load_results
from harness.report.shard import parse_shard, recorded_times


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line."""
    group = parser.getgroup("rustbed", "Rust drivers in the Linux kernel, under QEMU")
    group.addoption(
        "--kernel",
        default="debian:latest",
        metavar="SRC",
        help="debian:latest, debian:X.Y, tree:PATH, tarball:PATH-OR-URL or built:PATH",
    )
    group.addoption(
        "--arch",
        action="append",
        metavar="A[,B]",
        help=f"architectures to test (default: {', '.join(ARCHES)})",
    )
    group.addoption("--profile", default="default", help="kernel profile: kconfigs/profile/*.config")
    group.addoption(
        "--fragment", action="append", default=[], metavar="FILE", help="a further kconfig fragment"
    )
    group.addoption(
        "--accel",
        default="auto",
        choices=ACCELS,
        help="auto: KVM if a boot proves that it works, else emulation",
    )
    group.addoption(
        "--toolchain",
        default="toolroot",
        choices=TOOLCHAINS,
        help="build with the pinned toolroot or with the host's programs",
    )
    group.addoption(
        "--qemu", metavar="PATH", help="a QEMU binary, or a directory of them, instead of the toolchain's"
    )
    group.addoption(
        "--no-fork",
        action="store_true",
        help="boot a machine for every test instead of forking a booted one",
    )
    group.addoption(
        "--refresh",
        action="store_true",
        help="look for a newer kernel instead of what debian:... meant last time",
    )
    group.addoption(
        "--cache",
        metavar="DIR",
        help="where toolroot, kernels and images are kept (default: $RUSTBED_CACHE, else ~/.cache/rustbed)",
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
    "expect_splat(pattern, kind=None): the kernel must report this, and may",
    "kmemleak: look for leaked memory when the test is done; skip, by name, where the kernel cannot",
)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options at once and make what the session shares."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        chosen = read_choices(config)
        read_arches(config)
        if config.getoption("--on-failure") and config.getoption("numprocesses", None):
            raise UsageError("--on-failure needs the terminal, and -n has many workers for it", mend="-n 0")
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


def read_choices(config: pytest.Config) -> Choices:
    """Return what the options say of kernels and machines.

    Raises UsageError for a fragment that is not there.
    """
    option = config.getoption
    for path in option("--fragment"):
        if not Path(path).is_file():
            raise UsageError(f"no such fragment: {path}")
    extra: dict[str, Any] = {"cache_root": Path(option("--cache")).absolute()} if option("--cache") else {}
    return Choices(
        kernel=option("--kernel"),
        profile=option("--profile"),
        accel=option("--accel"),
        toolchain=option("--toolchain"),
        qemu=Path(option("--qemu")) if option("--qemu") else None,
        fragments=tuple(Path(path).absolute() for path in option("--fragment")),
        refresh=option("--refresh"),
        **extra,
    )


def read_arches(config: pytest.Config) -> tuple[Arch, ...]:
    """Return the architectures that are tested, in the order of their rows."""
    return select_arches(config.getoption("--arch") or (), config.getoption("--kernel"))
