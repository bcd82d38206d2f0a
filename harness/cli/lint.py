"""`rustbed lint`: a driver's format, style and code, by the kernel's settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rustbed.cli.arguments import choices_of, choose_arch
from rustbed.cli.terminal import complain, make_display
from rustbed.kernel.style import (
    can_check_code,
    can_check_style,
    check_code,
    check_format,
    check_style,
    require_kernel_source,
    require_sources,
)
from rustbed.log.record import strip_ansi
from rustbed.options import add_options
from rustbed.prepare import Platforms


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directory, and the kernel whose settings are used."""
    add_options(parser.add_argument)
    parser.add_argument("directory", metavar="DIR", type=Path, help="of the driver")


def run(args: argparse.Namespace) -> int:
    """Return 0 if rustfmt, checkpatch and clippy have no remarks, else 1. Raises HarnessError."""
    files = require_sources(args.directory)
    arch, display = choose_arch(args), make_display()
    platforms = Platforms(choices_of(args), display)
    platform = platforms.get(arch, None)
    source = require_kernel_source(platform.kernel)
    remarks = _show(check_format(files, args.directory, source, platform.toolchain))
    if can_check_style():
        remarks += _show(check_style(files, source))
    else:
        complain("checkpatch is not run: this host has no perl, or not all of it")
    if can_check_code(args.directory):
        kernel, cache = platforms.kernel_with_tree(arch, None), platforms.choices.cache
        code = check_code(kernel, args.directory, toolchain=platform.toolchain, cache=cache, report=display)
        remarks += _show(code)
    else:
        complain(f"clippy is not run: {args.directory} has no Kbuild file; name the directory that has it")
    return 1 if remarks else 0


def _show(remarks: str) -> str:
    """Print what one program said, at once, and return it."""
    sys.stdout.write(remarks if sys.stdout.isatty() else strip_ansi(remarks))
    sys.stdout.flush()
    return remarks
