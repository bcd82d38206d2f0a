"""`rustbed boot`: a machine for a person, or for one command."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rustbed import host
from rustbed.arch import Arch
from rustbed.cli.arguments import add_cpus, choices_of
from rustbed.cli.terminal import make_display
from rustbed.options import add_options, read_arches
from rustbed.prepare import prepare
from rustbed.repro import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the machine, and the command for it."""
    add_options(parser.add_argument)
    add_cpus(parser)
    text = "one word: a command of the guest's shell; more: a program and its arguments. Its status is ours"
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help=text)


def run(args: argparse.Namespace) -> int:
    """Boot one machine; run a command in it, or give its user a shell. Raises HarnessError."""
    platform = replace(prepare(_choose_arch(args), choices_of(args), make_display()), cpus=args.cpus)
    with tempfile.TemporaryDirectory(prefix="rustbed-") as directory:
        if command := render_command(args.command):
            status, output = console.run_command(platform, command, Path(directory))
            sys.stdout.buffer.write(output)
            return status
        return console.run_shell(platform, Path(directory))


def _choose_arch(args: argparse.Namespace) -> Arch:
    """Return the architecture: the one asked for, else the host's own if it can be, else the first."""
    rows = read_arches(vars(args).__getitem__)
    native = host.native_arch()
    return native if native in rows and not args.arch else rows[0]


def render_command(words: Sequence[str]) -> str:
    """Return words of our command line as a command for a shell, empty if there are none.

    One word is a command as it is, with all that a shell can do. More are a program and its arguments,
    which arrive there as they were given here.
    """
    given = list(words[1:] if words[:1] == ["--"] else words)
    return given[0] if len(given) == 1 else shlex.join(given)
