"""`rustbed dev`: writes rust-project.json, which describes a driver and the kernel's crates to editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rustbed.cache import write_atomically
from rustbed.cli.arguments import choices_of, choose_arch
from rustbed.cli.terminal import make_display, say
from rustbed.kernel.kbuildfile import require_makefile
from rustbed.kernel.rustproject import NAME, describe_project
from rustbed.options import BUILDS_KERNELS, add_options
from rustbed.prepare import Platforms


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directory, and the kernel."""
    add_options(parser.add_argument, BUILDS_KERNELS)
    parser.add_argument(
        "directory", metavar="DIR", type=Path, help="the driver's directory, with its Kbuild file"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file into the directory. Raises UsageError or KernelError."""
    require_makefile(args.directory)
    arch = choose_arch(args)
    platforms = Platforms(choices_of(args), make_display())
    project = describe_project(
        platforms.kernel_with_tree(arch, None),
        args.directory,
        toolchain=platforms.get(arch, None).toolchain,
        cache=platforms.choices.cache,
    )
    path = args.directory / NAME
    write_atomically(path, json.dumps(project, indent=1) + "\n")
    say(f"{path}  {len(project['crates'])} crates, kernel {platforms.get(arch, None).kernel.release} {arch}")
    return 0
