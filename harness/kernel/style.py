"""Checks a driver's format, style and code with the kernel's settings: rustfmt, checkpatch and clippy."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache
from rustbed.errors import BuildError, HostError, UsageError
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.inputs import find_makefile
from rustbed.kernel.outoftree import build_modules
from rustbed.progress import Report
from rustbed.toolroot.clippy import find_clippy
from rustbed.toolroot.toolchain import Toolchain

# paths of the driver and the kernel's source for programs in the toolroot
_MODULE, _SOURCE = "/module", "/src"
# edition of the kernel's Rust: rust_common_flags in its Makefile
_EDITION = "2021"
_CHECKPATCH = ("--no-tree", "--terse", "--show-types", "--no-summary", "--color=never", "--file")
_CHECKED = ("*.rs", "*.c", "*.h")


def require_sources(directory: Path) -> tuple[Path, ...]:
    """Return the sources below a directory, absolute, without hidden files. Raises UsageError if none."""
    directory = directory.absolute()
    every = sorted(path for pattern in _CHECKED for path in directory.rglob(pattern))
    found = [path for path in every if not any(map(_is_hidden, path.relative_to(directory).parts))]
    if not found:
        raise UsageError(f"there are no sources in {directory}", wanted=", ".join(_CHECKED))
    return tuple(found)


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def require_kernel_source(kernel: Kernel) -> Path:
    """Return the source of a kernel, which has the settings. Raises UsageError if it is missing."""
    if kernel.source_dir is None:
        raise UsageError(f"the source of {kernel.source} is missing", fix="--kernel debian:latest")
    return kernel.source_dir


def check_format(files: Sequence[Path], directory: Path, source: Path, toolchain: Toolchain) -> str:
    """Return rustfmt's differences, "" if there are none; `source` is the kernel's. Raises HostError."""
    directory = directory.absolute()
    module = toolchain.seen(directory, _MODULE)
    rust = [f"{module}/{path.relative_to(directory)}" for path in files if path.suffix == ".rs"]
    if not rust:
        return ""
    config = f"{toolchain.seen(source, _SOURCE)}/.rustfmt.toml"
    argv = ["rustfmt", "--check", "--edition", _EDITION, "--config-path", config, *rust]
    command = toolchain.command(argv, read_only=[(directory, _MODULE), (source, _SOURCE)])
    return _remarks(command, f"checking the format of {directory}").replace(f"{module}/", f"{directory}/")


def can_check_style() -> bool:
    """Whether this host has the perl modules for checkpatch; the toolroot's perl is incomplete."""
    if shutil.which("perl") is None:
        return False
    asked = ["perl", "-MTerm::ANSIColor", "-e", "1"]
    return process.run(asked, attempted="asking for perl's modules", check=False).status == 0


def check_style(files: Sequence[Path], source: Path) -> str:
    """Return checkpatch's remarks, a line each, "" if there are none. Raises HostError."""
    argv = ["perl", f"{source}/scripts/checkpatch.pl", *_CHECKPATCH, *map(str, files)]
    return _remarks(argv, "checking the style")


def can_check_code(directory: Path) -> bool:
    """Whether a directory has modules that clippy can compile."""
    return find_makefile(directory) is not None


def check_code(kernel: Kernel, directory: Path, *, toolchain: Toolchain, cache: Cache, report: Report) -> str:
    """Return clippy's remarks unchanged, "" if there are none; errors of the compiler are remarks, too.

    The kernel must have its build tree. Raises HostError, UsageError, KernelError.
    """
    clippy = find_clippy(toolchain, cache, report)
    try:
        built = build_modules(
            kernel, directory, toolchain=toolchain, cache=cache, report=report, clippy=clippy
        )
    except BuildError as error:
        if not error.printed:
            raise
        return f"{error.printed}\n"
    return f"{built.warnings}\n" if built.warnings else ""


def _remarks(command: Sequence[str], attempted: str) -> str:
    answer = process.run(command, attempted=attempted, check=False)
    if answer.status != 0 and not answer.text.strip():
        said = answer.stderr.decode(errors="replace").strip()[-1000:]
        raise HostError(f"{attempted}: it ended with status {answer.status}", said=said)
    return answer.text if answer.status != 0 else ""
