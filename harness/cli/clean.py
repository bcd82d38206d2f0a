"""`rustbed clean`: removes the cache, or some kinds of its entries."""

from __future__ import annotations

import argparse

from rustbed.cache import remove_tree
from rustbed.cli.arguments import choices_of
from rustbed.cli.terminal import say
from rustbed.errors import UsageError
from rustbed.options import add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to remove."""
    add_options(parser.add_argument)
    parser.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="what to remove: toolroots, sources, builds, kernels, images, ...; everything if none is named",
    )


def run(args: argparse.Namespace) -> int:
    """Remove the cache, or the named kinds. Raises UsageError for a kind that the cache does not have."""
    root = choices_of(args).cache_root
    there = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if unknown := sorted(set(args.kinds) - set(there)):
        raise UsageError(f"the cache has no {', '.join(unknown)}", choices=", ".join(there) or "it is empty")
    targets = [root / kind for kind in args.kinds] or [root]
    for target in targets:
        if target.exists():
            remove_tree(target)
        say(f"removed {target}")
    return 0
