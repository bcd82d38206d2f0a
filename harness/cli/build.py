"""`rustbed build`: puts kernels and images into the cache and says where they are."""

from __future__ import annotations

import argparse

from rustbed.cli.arguments import choices_of
from rustbed.cli.terminal import make_display, say
from rustbed.options import add_options, read_arches
from rustbed.prepare import prepare
from rustbed.progress import plural


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that choose kernels."""
    add_options(parser.add_argument)


def run(args: argparse.Namespace) -> int:
    """Build what is missing. Raises HostError, KernelError or UsageError."""
    report = make_display()
    for arch in read_arches(vars(args).__getitem__):
        platform = prepare(arch, choices_of(args), report)
        kernel = platform.kernel
        say(f"{arch}  {kernel.release}  {plural(len(kernel.modules), 'module')}  accel {platform.accel}")
        say(f"  kernel  {kernel.image}")
        say(f"  image   {platform.image.path}")
    return 0
