"""Compiles a test author's program for the guest from one C file.

Owns the inputs of such a program and the decision to compile it again. Compiler errors are
parsed like those of modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.errors import BuildError, UsageError
from rustbed.here import from_here
from rustbed.image.nolibc import Nolibc, find_nolibc, open_nolibc
from rustbed.kernel import diagnosis
from rustbed.kernel.artifact import Kernel
from rustbed.log.record import strip_ansi
from rustbed.process import Completed
from rustbed.progress import Report
from rustbed.toolroot.toolchain import Toolchain

KIND = "programs"
# paths of the author's files and the program for a toolroot's compiler
_ROOT, _WORK = "/module", "/work"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A compiled C file."""

    path: Path
    # the compiler's warnings, unchanged and with colours; "" if there are none
    warnings: str


def build_program(
    source: Path, root: Path, kernel: Kernel, *, toolchain: Toolchain, cache: Cache, report: Report
) -> Program:
    """Return a static program for a kernel's architecture, compiled from a C file if it has changed.

    Its C library is the kernel's nolibc. The file may include others below `root`.
    Raises UsageError if it is missing, BuildError with the first error if it does not compile.
    """
    if not source.is_file():
        raise UsageError(f"there is no C file {source}", wanted="NAME.c beside the file that asks")
    # resolved, because includes are relative to the real file
    source, root = source.resolve(), root.resolve()
    if not source.is_relative_to(root):
        root = source.parent
    tree = find_nolibc([kernel.source_dir], toolchain, cache, report)
    nolibc = open_nolibc(kernel.arch, tree, toolchain, cache, report)
    # the preprocessed text has all inputs
    text = _compile(nolibc, source, root, ["-E", "-P"]).stdout.decode(errors="replace")
    key = caching.hash_text(kernel.arch.name, toolchain.identity, source.stem, text)

    def fill(directory: Path) -> Facts:
        made = Path(toolchain.seen(directory, _WORK), source.stem)
        done = _compile(nolibc, source, root, ["-o", str(made)], directory)
        return {"warnings": _as_printed(done, source)}

    facts = cache.publish(KIND, key, fill)
    return Program(
        path=cache.path(KIND, key) / source.stem, warnings=from_here(str(facts["warnings"])).rstrip("\n")
    )


def _compile(nolibc: Nolibc, source: Path, root: Path, words: list[str], to: Path | None = None) -> Completed:
    """Run the compiler on a file. Raises BuildError."""
    command = nolibc.command(
        ["-fcolor-diagnostics", *words, "-include", "nolibc.h", source.name],
        binds=[(to, _WORK)] if to is not None else [],
        read_only=[(root, _ROOT)],
        cwd=str(Path(nolibc.toolchain.seen(root, _ROOT), source.parent.relative_to(root))),
    )
    done = process.run(command, attempted=f"compiling {source.name}", timeout_s=None, check=False)
    if done.status != 0:
        printed = from_here(_as_printed(done, source)).rstrip("\n")
        first = diagnosis.find_failure(printed)
        error = BuildError(f"{source.stem} does not build: {first}", printed=strip_ansi(printed))
        error.printed = printed
        raise error
    return done


def _as_printed(done: Completed, source: Path) -> str:
    """Return the compiler's output with the author's paths."""

    def find(path: str) -> str | None:
        inside = Path(source.parent, path)
        return str(inside.resolve()) if inside.is_file() else None

    printed = done.stderr.decode(errors="replace")
    return diagnosis.place_paths(diagnosis.keep_tools(printed), find)
