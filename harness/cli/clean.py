"""`rustbed clean`: removes the cache, or some kinds of its entries."""

from __future__ import annotations

import argparse
from pathlib import Path

from rustbed.cache import TAG, default_root, is_cache, remove_tree
from rustbed.cli.arguments import add_cache, read_cache
from rustbed.cli.terminal import say
from rustbed.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to remove."""
    add_cache(parser)
    parser.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="what to remove: toolroots, sources, builds, kernels, images, ...; everything if none is named",
    )


def run(args: argparse.Namespace) -> int:
    """Remove the cache, or the named kinds.

    Raises UsageError for a kind that the cache does not have, and for a directory that is not a cache:
    `--cache ~` must not remove a home.
    """
    given = Path(args.cache).absolute() if args.cache else default_root()
    if not given.exists():
        say(f"there is no cache at {given}")
        return 0
    if not is_cache(given):
        raise UsageError(
            f"{given} is not a cache of rustbed, and is left alone", wanted=f"one with {TAG} in it"
        )
    # of one that is read-only, what was made beside it
    root = read_cache(args).root
    there = sorted(path.name for path in root.iterdir() if path.is_dir())
    if unknown := sorted(set(args.kinds) - set(there)):
        raise UsageError(f"the cache has no {', '.join(unknown)}", choices=", ".join(there))
    targets = [root / kind for kind in args.kinds] or [root]
    for target in targets:
        remove_tree(target)
        say(f"removed {target}")
    return 0
