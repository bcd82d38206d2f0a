"""`rustbed worker`: more workers for a farm that is up."""

from __future__ import annotations

import argparse
import signal
from contextlib import suppress

from rustbed import host
from rustbed.arch import ARCHES
from rustbed.cli.arguments import parse_count
from rustbed.cli.terminal import say
from rustbed.farm.address import EXAMPLE, parse_address
from rustbed.prepare import ALL, Choices, select_arches
from rustbed.progress import plural


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the farm, and what its workers have."""
    parser.add_argument("address", metavar="URL", help=f"of the farm, as {EXAMPLE}")
    parser.add_argument("--slots", type=parse_count, metavar="N", help="batches at once; default: as cores")
    parser.add_argument(
        "--arch", action="append", metavar="A[,B]", help=f"of {', '.join(ARCHES)}; default: all"
    )


def run(args: argparse.Namespace) -> int:
    """Serve workers; ends with an error when the farm is gone, or by a signal."""
    address, arches, slots = parse_address(args.address), read_arches(args), args.slots or host.cores()
    # an optional dependency: nothing else is to import it
    from rustbed.farm.serving import serve_workers  # noqa: PLC0415

    end_at_sigterm()
    with suppress(KeyboardInterrupt):
        say(f"{plural(slots, 'worker')} for {address}; Ctrl-C ends them")
        serve_workers(address, slots, arches, say)
    return 0


def read_arches(args: argparse.Namespace) -> list[str]:
    """Return the architectures that are named, all if none is. Raises UsageError for an unknown one."""
    return [row.name for row in select_arches(args.arch or (ALL,), Choices.kernel)]


def end_at_sigterm() -> None:
    """Let SIGTERM end the process as Ctrl-C does: in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # a background job of a shell ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
