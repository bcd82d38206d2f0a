"""A driver's format and style, by the kernel's settings: rustfmt and checkpatch."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rustbed import process
from rustbed.errors import HostError, UsageError
from rustbed.toolroot.toolchain import Toolchain

# how the toolroot's programs see the driver and the kernel's source
_MODULE, _SOURCE = "/module", "/src"
# that of the kernel's Rust: rust_common_flags in its Makefile
_EDITION = "2021"
_CHECKPATCH = ("--no-tree", "--terse", "--show-types", "--no-summary", "--color=never", "--file")
_CHECKED = ("*.rs", "*.c", "*.h")


def require_sources(directory: Path) -> tuple[Path, ...]:
    """Return the sources below a directory, absolute. Raises UsageError if there are none."""
    found = sorted(path for pattern in _CHECKED for path in directory.absolute().rglob(pattern))
    if not found:
        raise UsageError(f"there are no sources in {directory}", wanted=", ".join(_CHECKED))
    return tuple(found)


def check_format(files: Sequence[Path], directory: Path, source: Path, toolchain: Toolchain) -> str:
    """Return rustfmt's differences, empty if it has none; `source` is the kernel's. Raises HostError."""
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
    """Whether this host has what checkpatch needs: the toolroot has no more than a part of perl."""
    if shutil.which("perl") is None:
        return False
    asked = ["perl", "-MTerm::ANSIColor", "-e", "1"]
    return process.run(asked, attempted="asking for perl's modules", check=False).status == 0


def check_style(files: Sequence[Path], source: Path) -> str:
    """Return checkpatch's remarks, a line each, empty if it has none. Raises HostError."""
    argv = ["perl", f"{source}/scripts/checkpatch.pl", *_CHECKPATCH, *map(str, files)]
    return _remarks(argv, "checking the style")


def _remarks(command: Sequence[str], attempted: str) -> str:
    answer = process.run(command, attempted=attempted, check=False)
    if answer.status != 0 and not answer.text.strip():
        said = answer.stderr.decode(errors="replace").strip()[-1000:]
        raise HostError(f"{attempted}: it ended with status {answer.status}", said=said)
    return answer.text if answer.status != 0 else ""
