"""The parser of the command line, and the one place where an error becomes an exit status.

0 fine, 1 red, 2 wrong usage, 3 the harness or the host failed, 130 interrupted, 141 the reader of standard
output went away. A command is a row here and the module of that name beside this one, which is imported
when the command is used.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from rustbed.cli.terminal import complain, flushed_output, make_printable, open_closed
from rustbed.errors import HarnessError, UsageError

COMMANDS = {
    "test": "prepare everything, then run the driver tests; takes pytest's arguments",
    "check": "run the project's own gate: lint, types and all tests; takes pytest's arguments",
    "build": "put kernels and images into the cache",
    "boot": "boot a machine: run a command in it, or an interactive shell",
    "doctor": "show what is here, what is missing, and the command that fixes it",
    "life": "try on a driver what every driver should survive; takes pytest's arguments",
    "mutate": "check whether a driver's tests notice wrong lines; takes pytest's arguments",
    "drivers": "print a table of the kernel's Rust drivers, from results",
    "bench": "measure and print a table",
    "explain": "name every splat in a kernel log",
    "faults": "repeat a test with every fault of its device; takes pytest's arguments",
    "model": "print the skeleton of a device in Python, from its driver",
    "ktap": "convert KTAP, the output of KUnit and kselftests, to JUnit XML",
    "gate": "compare results with a baseline",
    "diff": "show what differs between runs of the same tests, on two architectures or two kernels",
    "repro": "reproduce a failed run: list, pack, run, shell, gdb",
    "pack": "share built kernels: push, pull, list, verify, prune",
    "farm": "start a scheduler and workers that run the tests of `test --farm`",
    "worker": "add workers to a farm",
    "bisect": "find the first kernel on which a test fails; takes pytest's arguments",
    "lab": "run tests on kernels that KernelCI built, as one of its pull labs; takes pytest's arguments",
    "new": "make a directory with a driver, its tests and what they need",
    "dev": "write rust-project.json for a driver: completion in editors",
    "lint": "check a driver with rustfmt, clippy and checkpatch, by the kernel's settings",
    "watch": "run tests when files are saved; takes pytest's arguments",
    "clean": "remove the cache, or some of it",
}
# commands whose --help includes pytest's
_PYTESTS_HELP = frozenset({"test", "check"})


class Command(Protocol):
    """The functions that a command's module must have."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments; a default for `pytest_args` makes the command accept unknown ones."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return the exit status."""


def load_command(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, importlib.import_module(f"rustbed.cli.{name}"))


def make_parser(given: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the arguments of those commands that are `given`."""
    parser = argparse.ArgumentParser(
        prog="rustbed", description="A QEMU test bed for Rust drivers in the Linux kernel."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = set(given)
    for name, text in COMMANDS.items():
        made = commands.add_parser(name, help=text, description=text, add_help=name not in _PYTESTS_HELP)
        if name in wanted:
            command = load_command(name)
            command.add_arguments(made)
            made.set_defaults(execute=command.run)
    return parser


def _refuse_empty(words: Sequence[str], rest: Sequence[str]) -> None:
    """Raise UsageError for an empty argument that is ours: as a path, it would be the current directory.

    `gate --baseline "$OLD"` with an unset variable would compare results with themselves. What is
    behind `--`, and `rest`, are words of a program in the guest, and of pytest.
    """
    ours = words[: words.index("--")] if "--" in words else words
    if sum(map(_is_empty, ours)) > sum(map(_is_empty, rest)):
        raise UsageError("an argument is empty", given=shlex.join(words))


def _is_empty(word: str) -> bool:
    return not word or (word.startswith("--") and word.endswith("="))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    open_closed()
    make_printable()
    try:
        with flushed_output():
            return _run(sys.argv[1:] if argv is None else list(argv))
    except BrokenPipeError:
        return 141
    except OSError as error:
        return complain(f"{error.filename or 'an operation of the host'}: {error.strerror or error}", 3)


def _run(words: Sequence[str]) -> int:
    try:
        parser = make_parser(words[:1])
        args, rest = parser.parse_known_args(words)
        if rest and "pytest_args" not in args:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        _refuse_empty(words, rest)
        args.pytest_args = rest
        return int(args.execute(args))
    except UsageError as error:
        return complain(error, 2)
    except HarnessError as error:
        return complain(error, 3)
    except KeyboardInterrupt:
        return complain("interrupted", 130)
