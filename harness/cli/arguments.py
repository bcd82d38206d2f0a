"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed.beside import find_writable
from rustbed.cache import CACHE_HELP, Cache, default_root

if TYPE_CHECKING:
    from rustbed.arch import Arch
    from rustbed.prepare import Choices


def parse_count(text: str) -> int:
    """Return a number of at least 1; a type for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count: 1 or more")
    return int(text)


def fault_options(which: str) -> tuple[str, ...]:
    """Return pytest's options that repeat tests with these faults of their devices."""
    # no percentage, because there are more runs than tests
    return (f"--rustbed-faults={which}", "-o", "console_output_style=classic")


def add_cpus(parser: argparse.ArgumentParser) -> None:
    """Declare --cpus."""
    parser.add_argument(
        "--cpus", type=parse_count, default=1, metavar="N", help="CPUs of the machine (default: 1)"
    )


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Declare --cache, for commands that do not choose kernels."""
    parser.add_argument("--cache", metavar="DIR", help=CACHE_HELP)


def read_cache(args: argparse.Namespace) -> Cache:
    """Return the cache that --cache names."""
    return Cache(find_writable(Path(args.cache).absolute() if args.cache else default_root()))


def choices_of(args: argparse.Namespace) -> Choices:
    """Return the choices of kernels and machines in the arguments. Raises UsageError."""
    # imported late, because only some commands choose kernels and machines
    from rustbed.options import UNDECLARED, read_choices  # noqa: PLC0415

    return read_choices({**UNDECLARED, **vars(args)}.__getitem__)


def choose_arch(args: argparse.Namespace) -> Arch:
    """Return the requested architecture, else the host's own if it is supported, else the first."""
    from rustbed import host  # noqa: PLC0415 - as above
    from rustbed.options import read_arches  # noqa: PLC0415 - as above

    rows = read_arches(vars(args).__getitem__)
    native = host.native_arch()
    return native if native in rows and not args.arch else rows[0]


def add_worker_arches(parser: argparse.ArgumentParser) -> None:
    """Declare --arch, for the workers of a farm."""
    from rustbed.arch import ARCHES  # noqa: PLC0415 - as above

    text = f"architectures that they serve, of {', '.join(ARCHES)} (default: all)"
    parser.add_argument("--arch", action="append", metavar="A[,B]", help=text)


def read_worker_arches(args: argparse.Namespace) -> list[str]:
    """Return the architectures that workers serve. Raises UsageError for an unknown one."""
    from rustbed.options import ALL, select_arches  # noqa: PLC0415 - as above
    from rustbed.prepare import Choices  # noqa: PLC0415 - as above

    return [row.name for row in select_arches(args.arch or (ALL,), Choices.kernel)]
