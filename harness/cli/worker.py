"""`rustbed worker`: adds workers to a running farm."""

from __future__ import annotations

import argparse
from contextlib import suppress

from rustbed import host
from rustbed.cli.arguments import add_worker_arches, parse_count, read_worker_arches
from rustbed.cli.terminal import end_at_sigterm, say
from rustbed.farm.address import EXAMPLE, parse_address
from rustbed.progress import plural


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the farm, and the resources of the workers."""
    parser.add_argument("address", metavar="URL", help=f"address of the farm, such as {EXAMPLE}")
    parser.add_argument(
        "--slots", type=parse_count, metavar="N", help="batches to run at once (default: one per core)"
    )
    add_worker_arches(parser)


def run(args: argparse.Namespace) -> int:
    """Serve workers; ends with an error when the farm is gone, or by a signal."""
    address, arches, slots = parse_address(args.address), read_worker_arches(args), args.slots or host.cores()
    # imported here, because the dependency is optional
    from rustbed.farm.serving import serve_workers  # noqa: PLC0415

    end_at_sigterm()
    with suppress(KeyboardInterrupt):
        say(f"{plural(slots, 'worker')} for {address}; Ctrl-C ends them")
        serve_workers(address, slots, arches, say)
    return 0
