"""`rustbed lint`: a driver's format and style, by the kernel's settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rustbed.cli.arguments import choices_of, choose_arch
from rustbed.cli.terminal import complain, make_display
from rustbed.errors import UsageError
from rustbed.kernel.style import can_check_style, check_format, check_style, require_sources
from rustbed.options import add_options
from rustbed.prepare import Platforms


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directory, and the kernel whose settings are used."""
    add_options(parser.add_argument)
    parser.add_argument("directory", metavar="DIR", type=Path, help="of the driver")


def run(args: argparse.Namespace) -> int:
    """Return 0 if rustfmt and checkpatch have no remarks, else 1. Raises HarnessError."""
    files = require_sources(args.directory)
    platform = Platforms(choices_of(args), make_display()).get(choose_arch(args), None)
    source = platform.kernel.source_dir
    if source is None:
        raise UsageError(f"the source of {platform.kernel.source} is not there", fix="--kernel debian:latest")
    remarks = check_format(files, args.directory, source, platform.toolchain)
    if can_check_style():
        remarks += check_style(files, source)
    else:
        complain("checkpatch is not run: this host has no perl, or not all of it")
    sys.stdout.write(remarks)
    return 1 if remarks else 0
