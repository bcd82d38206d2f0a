"""`rustbed watch`: runs tests when files are saved, in a process that was started in advance.

The only door to watchfiles.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rustbed import process
from rustbed.cli.terminal import say
from rustbed.errors import HostError
from rustbed.kernel.inputs import MAKEFILES, SOURCES, read_inputs
from rustbed.scratch import open_scratch

# suffixes of files that tests and drivers are made of
_SUFFIXES = frozenset(
    (".rs", ".c", ".h", ".S", ".py", ".dts", ".dtsi", ".dsl", ".config", ".yaml", ".toml", ".ini")
)
# directories without sources
_SKIPPED = frozenset(
    ("results", "__pycache__", ".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache")
)
# files that are saved within these milliseconds are one change
_TOGETHER_MS = 200
# milliseconds after which watchfiles returns without a change
_LOOK_MS = 500


# files of each test, by node id: its own file, then the directories that it builds
Uses = Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Instructions for a waiting pytest."""

    arguments: Sequence[str]
    # node ids of tests that are left out
    without: Sequence[str] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that all arguments are pytest's."""
    parser.set_defaults(pytest_args=[])


def run(args: argparse.Namespace) -> int:
    """Run all tests, then those affected by a change, until Ctrl-C. Raises HostError without watchfiles."""
    changes = _changes(Path.cwd())
    # watching begins before the first run, so that no change is missed
    next(changes)
    words = list(args.pytest_args)
    with ExitStack() as stack:
        scratch = stack.enter_context(open_scratch("rustbed-watch."))
        told, machines = scratch / "uses.json", scratch / "machines"
        ready, orders = _stand_by(stack, machines), Orders(arguments=words)
        uses: dict[str, tuple[Path, ...]] = {}
        while True:
            result = _run(ready, orders, told)
            uses |= _read_uses(told)
            # the next pytest starts while the user reads the results
            ready = _stand_by(stack, machines)
            _show(result)
            orders = choose_run(words, next(changes), uses)


def choose_run(words: Sequence[str], changed: Sequence[Path], uses: Uses) -> Orders:
    """Return the instructions after a change; `words` are pytest's arguments.

    A test's file affects its own tests; a driver's source affects the tests that build it, and tests with
    unknown builds. Any other file, such as a conftest.py, may affect every test.
    """
    tests = [path for path in changed if _is_test(path) and path.exists()]
    # only the changed files are collected, unless the arguments name files themselves
    if len(tests) == len(changed) and not any(Path(word.partition("::")[0]).exists() for word in words):
        return Orders(arguments=[*words, *map(str, tests)])
    concerned: set[str] = set()
    for path in changed:
        found = {test for test, made_of in uses.items() if _is_part(path, made_of)}
        if not found and path not in tests:
            return Orders(arguments=words)
        concerned |= found
    return Orders(arguments=words, without=tuple(sorted(uses.keys() - concerned)))


def _is_part(path: Path, made_of: Sequence[Path]) -> bool:
    """Whether a test uses a file, or may have used it before it was removed."""
    if not path.name.endswith(SOURCES):
        return path in made_of
    return any(path.is_relative_to(place) or path in read_inputs(place).paths for place in made_of[1:])


def _read_uses(told: Path) -> Uses:
    """Return the results that a run wrote, if it got that far."""
    found = json.loads(told.read_text()) if told.exists() else {}
    told.unlink(missing_ok=True)
    return {test: tuple(map(Path, places)) for test, places in found.items()}


def _is_test(path: Path) -> bool:
    return path.suffix == ".py" and (path.stem.startswith("test_") or path.stem.endswith("_test"))


def is_source(path: Path, root: Path) -> bool:
    """Whether a changed file below `root` may change the result of a test."""
    inside = path.relative_to(root).parts
    return (path.suffix in _SUFFIXES or path.name in MAKEFILES) and not _SKIPPED & set(inside[:-1])


def _changes(root: Path) -> Iterator[tuple[Path, ...]]:
    """Yield an empty set as soon as files are watched, then the files of each change."""
    try:
        import watchfiles  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise HostError("watchfiles is not installed", fix="pip install 'rustbed[watch]'") from error
    found = watchfiles.watch(
        root,
        watch_filter=lambda change, path: is_source(Path(path), root),
        debounce=_TOGETHER_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    )
    next(found)
    yield ()
    for change in found:
        if change:
            yield tuple(sorted({Path(path) for _, path in change}))


def _stand_by(stack: ExitStack, machines: Path) -> process.Child:
    """Start a pytest that waits for its arguments. Its output is ours."""
    # it has a process group of its own; after Ctrl-C it ends because we do
    argv = [sys.executable, "-m", "rustbed.plugin.standby", str(machines)]
    return stack.enter_context(process.start(argv, stdin=process.PIPE, stdout=None, stderr=None))


def _run(child: process.Child, orders: Orders, told: Path) -> tuple[int, float]:
    """Start the run of a waiting pytest; return its status and the seconds that it took."""
    begun = time.monotonic()
    say(f"== pytest {' '.join(orders.arguments)}".rstrip())
    assert child.stdin is not None
    child.stdin.write(json.dumps({**asdict(orders), "told": str(told)}).encode() + b"\n")
    child.stdin.close()
    return child.wait(), time.monotonic() - begun


def _show(result: tuple[int, float]) -> None:
    """Print how a run ended, and show it in the terminal's title."""
    status, seconds = result
    verdict = {0: "passed", 1: "FAILED", 5: "no tests"}.get(status, f"error {status}")
    say(f"== {verdict} in {seconds:.1f} s; waiting for a change, Ctrl-C ends")
    if sys.stdout.isatty():
        # xterm's control sequence for the title, which other terminals know, too
        sys.stdout.write(f"\x1b]0;{verdict}: rustbed\x07")
        sys.stdout.flush()
