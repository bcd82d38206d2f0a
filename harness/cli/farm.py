"""`rustbed farm`: serves a scheduler and workers on this host for `rustbed test --farm`, or makes a key."""

from __future__ import annotations

import argparse
from contextlib import suppress

from rustbed import host
from rustbed.cli.arguments import add_worker_arches, parse_count, read_worker_arches
from rustbed.cli.terminal import end_at_sigterm, say
from rustbed.errors import suggest
from rustbed.farm.key import KEY_HELP, key_path, make_key
from rustbed.progress import plural

_PORT = 8786


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands below `farm`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    init = commands.add_parser("init", help=f"make the key that a farm with TLS needs: {KEY_HELP}")
    init.set_defaults(action=_init)
    up = commands.add_parser("up", help="start a scheduler and workers, until Ctrl-C")
    up.set_defaults(action=_up)
    up.add_argument(
        "--workers", type=parse_count, metavar="N", help="how many to start (default: one per core)"
    )
    up.add_argument(
        "--tls", metavar="HOST", help="this host's address for others (default: loopback, no TLS)"
    )
    up.add_argument(
        "--port",
        type=int,
        default=_PORT,
        metavar="N",
        help=f"port of the scheduler (default: {_PORT}); 0: a free one",
    )
    add_worker_arches(up)


def run(args: argparse.Namespace) -> int:
    """Make a key, or serve a farm."""
    return int(args.action(args))


def _init(_: argparse.Namespace) -> int:
    make_key(path := key_path())
    say(f"farm: made the key {path}; anyone who has it can run programs on the farm")
    return 0


def _up(args: argparse.Namespace) -> int:
    """Serve a farm; ends with an error, or by a signal."""
    # imported here, because the dependency is optional
    from rustbed.farm.serving import scheduler, serve_workers  # noqa: PLC0415

    end_at_sigterm()
    arches, workers = read_worker_arches(args), args.workers or host.cores()
    with suppress(KeyboardInterrupt), scheduler(args.tls, args.port) as address:
        say(f"farm: {address}, {plural(workers, 'worker')}; Ctrl-C ends it")
        say(f"  {suggest(f'test --farm {address}')}")
        serve_workers(address, workers, arches, say)
    return 0
