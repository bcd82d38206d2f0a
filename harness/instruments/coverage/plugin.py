"""QEMU with the plugin that records what code the guest runs.

The plugin is an argument of QEMU, so that booted, restored and copied machines all have it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.host import Qemu
from rustbed.toolroot.library import build_library
from rustbed.toolroot.toolchain import Toolchain

KIND = "coverage"
# environment variable with the directory for the plugin's records
DIRECTORY_VARIABLE = "RUSTBED_COVERAGE"
# the first QEMU with version 7 of the interface of plugins
QEMU_MINIMUM = (11, 1)

_SOURCE = Path(__file__).resolve().parent / "plugin.c"


def with_plugin(qemu: Qemu, directory: Path, *, toolchain: Toolchain, cache: Cache) -> Qemu:
    """Return a QEMU that writes records to a directory; see executed.py. Raises HostError if it cannot."""
    if qemu.version < QEMU_MINIMUM:
        raise HostError(
            f"QEMU {'.'.join(map(str, qemu.version))} cannot record which lines run",
            wanted=f"QEMU {'.'.join(map(str, QEMU_MINIMUM))}",
            fix="leave out --qemu: the toolroot brings its own",
        )
    library = build_library(KIND, [_SOURCE], purpose="coverage", toolchain=toolchain, cache=cache)
    path = str(library).replace(",", ",,")
    return replace(
        qemu,
        program=(*qemu.program, "-plugin", f"file={path}"),
        env=(*qemu.env, (DIRECTORY_VARIABLE, str(directory))),
    )
