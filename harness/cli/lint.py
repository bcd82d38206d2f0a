"""`rustbed lint`: checks a driver's format, style and code with the kernel's settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rustbed.arch import Arch
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
from rustbed.options import BUILDS_KERNELS, add_options
from rustbed.prepare import Platforms
from rustbed.progress import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directory, and the kernel whose settings are used."""
    add_options(parser.add_argument, BUILDS_KERNELS)
    parser.add_argument("directory", metavar="DIR", type=Path, help="the driver's directory")


def run(args: argparse.Namespace) -> int:
    """Return 0 if rustfmt, checkpatch and clippy have no remarks, else 1. Raises HarnessError."""
    arch, display = choose_arch(args), make_display()
    return lint(args.directory, arch, Platforms(choices_of(args), display), display)


def lint(directory: Path, arch: Arch, platforms: Platforms, report: Report) -> int:
    """Print the remarks of all three programs about a driver; the status is that of `run`."""
    files = require_sources(directory)
    platform = platforms.get(arch, None)
    kernel = platform.kernel
    if kernel.source_dir is None:
        # a kernel from a pack has the settings in its build tree
        kernel = platforms.kernel_with_tree(arch, None)
    source = require_kernel_source(kernel)
    remarks = _show(check_format(files, directory, source, platform.toolchain))
    if can_check_style():
        remarks += _show(check_style(files, source))
    else:
        complain("checkpatch is not run: perl is missing or incomplete on this host")
    if can_check_code(directory):
        kernel, cache = platforms.kernel_with_tree(arch, None), platforms.choices.cache
        remarks += _show(
            check_code(kernel, directory, toolchain=platform.toolchain, cache=cache, report=report)
        )
    else:
        complain(f"clippy is not run: {directory} has no Kbuild file; name the directory that has it")
    return 1 if remarks else 0


def _show(remarks: str) -> str:
    """Print one program's output at once, and return it."""
    sys.stdout.write(remarks if sys.stdout.isatty() else strip_ansi(remarks))
    sys.stdout.flush()
    return remarks
