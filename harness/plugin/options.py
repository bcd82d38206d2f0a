"""The command line, ini files and markers: declared so that other plugins are not disturbed."""

from __future__ import annotations

import argparse
import copy
import os
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rustbed import options
from rustbed.errors import HarnessError, UsageError
from rustbed.forks.machines import Machines
from rustbed.instruments.watched import LINGER_S
from rustbed.options import Given
from rustbed.plugin.rootdir import check_rootdir
from rustbed.plugin.stash import COVERAGE, KNOWN, MACHINES, PLATFORMS, SERVERS, SHARD, TIMES, make_display
from rustbed.prepare import Platforms
from rustbed.report.known import load_known
from rustbed.report.results import load_results
from rustbed.report.shard import parse_shard, recorded_times
from rustbed.request import KEYWORDS

# every option is there with this prefix; without it only if no other plugin and no conftest.py has the name
PREFIX = "--rustbed-"
_DEST = "rustbed_"
# plugins that few sessions need, by their options
_ON_REQUEST = {"farm": "rustbed.plugin.farm", "farm_attempt": "rustbed.plugin.farmed"}
_GROUP = "rustbed"
_ABOUT = (
    "Rust drivers in the Linux kernel, under QEMU; each also without `rustbed-`, unless another plugin has"
    " an option of that name"
)

MARKERS = (
    f"machine({', '.join(KEYWORDS)}):"
    " requirements for this test's machine; keywords only, docs/writing-tests.md explains them",
    "arches(*names): run on these architectures only",
    "needs(*names): skip if the kernel lacks one of these modules or options (CONFIG_...)",
    "since(version): skip on older kernels; the version is like 6.18",
    "expect_splat(pattern, kind=None): the kernel is allowed, and required, to report this",
    "linger(seconds): wait so long after the last load, unload, bind or unbind, then judge",
    "lifecycle(driver, params={}, device=None, ioctls=(), cycles=100, setup=''): a module's name or a"
    " directory that makes one; the fixture life goes through its life, step by step",
    "kunit(suite, needs=(), module=''): a KUnit suite of the kernel with the options that it needs, or"
    " of a module or its directory; the fixture kunit runs its cases, each a test",
    "kmemleak: look for leaked memory after the test; skip if the kernel lacks kmemleak",
)


def _rows() -> list[tuple[str, dict[str, Any]]]:
    """Return the options: the name without dashes, and what argparse's add_argument takes."""
    rows: list[tuple[str, dict[str, Any]]] = []

    def add(name: str, **how: Any) -> None:
        how.setdefault("default", False if how.get("action") == "store_true" else None)
        rows.append((name.removeprefix("--"), how))

    options.add_options(add)
    add(
        "--no-fork",
        action="store_true",
        help="boot a machine for every test instead of forking a booted one",
    )
    add(
        "--results",
        metavar="DIR",
        help="directory for junit.xml and run directories (default: results)",
    )
    add(
        "--confirm",
        type=_count,
        default=0,
        metavar="N",
        help="run each red test N times more, on new machines, and report how often it was red",
    )
    add(
        "--linger",
        type=_seconds,
        default=LINGER_S,
        metavar="SECONDS",
        help=f"wait so long after a driver came or went last, then judge (default: {LINGER_S:g})",
    )
    add(
        "--coverage",
        action="store_true",
        help="record which lines of the loaded drivers run: a table, coverage.html and coverage.lcov",
    )
    add("--known-issues", metavar="FILE", help="YAML file of known failures: they are marked, but still red")
    add(
        "--faults",
        metavar="WHICH",
        help="repeat each test with faults of its devices in Python: all, kinds, or one: gone@3",
    )
    add("--on-failure", choices=("shell",), help="stop at a red test, with a shell in its machine")
    add(
        "--record",
        action="store_true",
        help="repeat a red test's commands on a machine that is recorded",
    )
    add(
        "--lint",
        action="store_true",
        help="check the drivers below the tests' paths, too, with rustfmt, clippy and checkpatch as tests",
    )
    add(
        "--shard",
        metavar="I/N",
        help="run part I of N; `rustbed gate` judges all; auto or auto/N: the number that Slurm, Kubernetes"
        " or GitLab gave to this job",
    )
    add(
        "--shard-times",
        action="append",
        default=[],
        metavar="PATH",
        help="earlier results with the times of tests; use the same for all parts",
    )
    add(
        "--farm",
        metavar="URL",
        help="run the tests on the workers of a farm: `rustbed farm up` starts one and prints its URL",
    )
    # what a farm's worker is told
    add("--farm-attempt", metavar="DIR", help=argparse.SUPPRESS)
    return rows


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    if not 0 <= (number := float(text)) < float("inf"):
        raise ValueError(text)
    return number


ROWS = _rows()
_DEFAULTS = {name.replace("-", "_"): how["default"] for name, how in ROWS}

# what a project may say in its ini file: the option, pytest's type, and what it means
_INI: dict[str, tuple[str, Any, str]] = {
    "arch": ("rustbed_arch", "args", "architectures, as --rustbed-arch"),
    "kernel": (
        "rustbed_kernel",
        "string",
        "kernel source, as --rustbed-kernel; paths are relative to this file",
    ),
    "profile": ("rustbed_profile", "string", "kernel profile, as --rustbed-profile"),
    "fragment": ("rustbed_fragments", "paths", "kconfig fragments; paths are relative to this file"),
    "cache_from": ("rustbed_cache_from", "args", "places of packs, as --rustbed-cache-from"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options with the prefix, and what a project may set in its ini file."""
    for name, how in ROWS:
        _add(parser, f"{PREFIX}{name}", name, how)
    for ini, kind, about in _INI.values():
        parser.addini(ini, about, kind, default=None)


def _add(parser: pytest.Parser, word: str, name: str, how: dict[str, Any]) -> None:
    # None: not given, which is not the same as given with the default's value
    dest = _DEST + name.replace("-", "_")
    parser.getgroup(_GROUP, _ABOUT).addoption(word, dest=dest, **how | {"default": None})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Declare the short names last: every plugin and conftest.py has had its choice by then."""
    # until then their values look like paths of tests, whose conftest.py files would be loaded
    paths = _test_paths(parser, args, copy.copy(early_config.option))
    early_config.known_args_namespace.file_or_dir = paths
    result = yield
    for name, how in _free_rows(parser):
        _add(parser, f"--{name}", name, how | {"help": argparse.SUPPRESS})
    return result


def _free_rows(parser: pytest.Parser) -> list[tuple[str, dict[str, Any]]]:
    """Return the options whose short name is free."""
    groups = parser._groups  # there is no public way to ask
    taken = {word for group in groups for option in group.options for word in option.names()}
    return [(name, how) for name, how in ROWS if f"--{name}" not in taken]


class _Swallow(argparse.Action):
    """Take a word or none, and do nothing with it."""

    def __call__(self, *_: object) -> None:
        """Do nothing."""


def _test_paths(parser: pytest.Parser, args: list[str], defaults: argparse.Namespace) -> list[str]:
    """Return the paths of tests in a command line, short options of ours and their values left out."""
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name, how in _free_rows(parser):
        # what is wrong with them is said when all options are known
        is_flag = how.get("action") == "store_true"
        ours.add_argument(f"--{name}", nargs=0 if is_flag else "?", action=_Swallow)
    _, rest = ours.parse_known_args(args)
    paths: list[str] = parser.parse_known_args(rest, namespace=defaults).file_or_dir
    return paths


def given(config: pytest.Config) -> Given:
    """Return a function that returns an option's value, by its name with underscores.

    The command line comes before the ini file, and that before the default. It raises UsageError.
    """

    def read(name: str) -> Any:
        value = config.getoption(f"{_DEST}{name}")
        if value is None and name in _INI:
            ini, kind, _ = _INI[name]
            value = config.getini(ini) or None
            if kind == "string" and not isinstance(value, str | None):
                # pyproject.toml may say so, and pytest does no more than warn
                raise UsageError(f"{ini} in {config.inipath} has one value, not {value!r}")
            if name == "kernel" and value is not None:
                value = _anchor(value, config)
        return _DEFAULTS[name] if value is None else value

    return read


def _anchor(kernel: str, config: pytest.Config) -> str:
    """Return a kernel source of an ini file with its path made absolute."""
    kind, colon, path = kernel.partition(":")
    if kind not in ("tree", "built", "tarball") or "://" in path:
        return kernel
    return f"{kind}{colon}{(config.inipath or config.rootpath).parent / Path(path).expanduser()}"


def is_asked(config: pytest.Config) -> bool:
    """Whether the command line has any option of ours."""
    return any(config.getoption(f"{_DEST}{name}") is not None for name in _DEFAULTS)


def is_wanted(config: pytest.Config) -> bool:
    """Whether the command line or the ini file has any option of ours."""
    return is_asked(config) or any(config.getini(ini) for ini, _, _ in _INI.values())


def pytest_configure(config: pytest.Config) -> None:
    """Check the options at once, if there are any: a session without has perhaps nothing to do with us."""
    for name, plugin in _ON_REQUEST.items():
        if config.getoption(f"{_DEST}{name}"):
            config.pluginmanager.import_plugin(plugin)
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if is_asked(config):
        check_rootdir(config, [f"--{name}" for name, _ in ROWS] + [f"{PREFIX}{name}" for name, _ in ROWS])
        begin(config)


def begin(config: pytest.Config) -> None:
    """Make what the tests of a session share, once. Raises pytest.UsageError for wrong options."""
    if PLATFORMS in config.stash:
        return
    read = given(config)
    try:
        chosen = options.read_choices(read)
        if read("coverage"):
            config.stash[COVERAGE] = Path(tempfile.mkdtemp(prefix="rustbed-coverage-"))
            chosen = replace(chosen, coverage=config.stash[COVERAGE])
        options.read_arches(read)
        if read("on_failure") and config.getoption("numprocesses", None):
            raise UsageError("--on-failure is interactive; it cannot be combined with -n", fix="-n 0")
        known, shard, times = read("known_issues"), read("shard"), read("shard_times")
        config.stash[KNOWN] = load_known(Path(known)) if known else ()
        config.stash[SHARD] = parse_shard(shard, os.environ) if shard else None
        config.stash[TIMES] = recorded_times(load_results(map(Path, times))) if times else {}
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    display = make_display(config)
    config.stash[MACHINES] = Machines(
        chosen.cache, display, forks=not read("no_fork"), servers=config.stash.get(SERVERS, None)
    )
    config.stash[PLATFORMS] = Platforms(chosen, display)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the machine that stands by, and remove what QEMUs recorded."""
    if MACHINES in config.stash:
        config.stash[MACHINES].close()
    if COVERAGE in config.stash:
        shutil.rmtree(config.stash[COVERAGE], ignore_errors=True)
