"""Modules that live outside of the kernel's tree, built for one kernel.

A driver author's directory is not written to: it is copied, file by file as
they change, to a directory of its own for each kernel, and kbuild works there
(Documentation/kbuild/modules.rst). So one directory serves all architectures.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rustbed import cache as caching
from rustbed.cache import Cache
from rustbed.errors import MismatchError, UsageError
from rustbed.kernel import buildtree, siblings
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.buildtree import BuildTree
from rustbed.kernel.kconfig import parse_config
from rustbed.kernel.make import parse_step
from rustbed.kernel.module import describe_modules, read_module, require_match
from rustbed.kernel.source import Source, require_version
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Toolchain, version_key

KIND = "outoftree"
# what kbuild leaves in such a directory
_PRODUCTS = (".o", ".ko", ".mod", ".mod.c", ".cmd", ".rmeta", ".d", "modules.order", "Module.symvers")


def build_modules(
    kernel: Kernel, directory: Path, *, toolchain: Toolchain, cache: Cache, report: Report
) -> tuple[Module, ...]:
    """Build the modules in a directory that has a Kbuild file or Makefile, and return them.

    Takes a second or two after an edit. UsageError when the directory or the
    kernel's build tree is not there, MismatchError for another compiler than
    the kernel's, BuildError with the first error when it does not compile.
    """
    directory = directory.absolute()
    if not any((directory / name).is_file() for name in ("Kbuild", "Makefile")):
        raise UsageError(f"{directory} has no Kbuild file or Makefile", fix="obj-m := NAME.o")
    tree = _open_tree(kernel, toolchain, cache, directory)
    require_same_compiler(kernel, toolchain)
    work = cache.path(KIND, tree.log.stem)
    attempted = f"building {directory.name}"
    # the kernel's tree must neither change nor go away meanwhile
    with cache.lock(siblings.lock_name(tree.directory)), caching.out_of_space_named(work, attempted):
        work.mkdir(parents=True, exist_ok=True)
        mirror_directory(directory, work)
        _make(tree, work, f"modules in {directory.name} {kernel.arch}", report)
    built = sorted(work.rglob("*.ko"))
    for path in built:
        require_match(read_module(path), path, kernel.arch, kernel.release)
    if not built:
        raise UsageError(
            f"{directory} makes no modules", fix="obj-m := NAME.o in its Kbuild file or Makefile"
        )
    return tuple(describe_modules(built).values())


def _open_tree(kernel: Kernel, toolchain: Toolchain, cache: Cache, directory: Path) -> BuildTree:
    if kernel.build_dir is None or kernel.source_dir is None:
        raise UsageError(
            f"modules cannot be built for {kernel.source}: its build tree or its source is not there",
            fix="a built: kernel has to be an O= directory with its source",
        )
    name = caching.hash_text(str(directory), str(kernel.build_dir))
    return BuildTree(
        directory=kernel.build_dir,
        source=Source(
            name=kernel.source,
            directory=kernel.source_dir,
            version=require_version(kernel.source_dir),
            identity=kernel.key,
        ),
        arch=kernel.arch,
        toolchain=toolchain,
        options=(),
        family="",
        log=cache.root / "logs" / f"{name}.log",
    )


def require_same_compiler(kernel: Kernel, toolchain: Toolchain) -> None:
    """Raise MismatchError if a kernel was built by another rustc: its crates' metadata would be refused."""
    config = parse_config(kernel.config.read_text()) if kernel.config else {}
    # major, minor and patch as 1*100000 + 96*100 + 1, see scripts/rustc-version.sh
    number = config.get("RUSTC_VERSION", "")
    have = toolchain.version("rustc")
    if not number.isdigit() or have is None:
        return
    theirs = (int(number) // 100_000, int(number) // 100 % 1000, int(number) % 100)
    if theirs != version_key(have):
        raise MismatchError(
            f"kernel {kernel.release} was built by another rustc",
            kernel=".".join(map(str, theirs)),
            toolchain=have,
            fix="build the module with the kernel's own toolchain, or let the kernel be built here",
        )


def mirror_directory(directory: Path, work: Path) -> None:
    """Copy what changed, with its times, and remove what is gone; what kbuild made stays."""
    wanted = set()
    for base, names, files in os.walk(directory):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(base) / name
            if not name.endswith(_PRODUCTS) and path.is_file():
                wanted.add(path.relative_to(directory))
    for relative in wanted:
        original, copy = directory / relative, work / relative
        facts = original.stat()
        if not copy.exists() or (copy.stat().st_mtime_ns, copy.stat().st_size) != (
            facts.st_mtime_ns,
            facts.st_size,
        ):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(original, copy)
    for path in [path for path in work.rglob("*") if path.is_file()]:
        if not path.name.endswith(_PRODUCTS) and path.relative_to(work) not in wanted:
            _forget(path)


def _forget(source: Path) -> None:
    """Remove a file that is gone from the original, and what was made of it."""
    source.unlink()
    for made in source.parent.glob(f"{source.stem}.*o"):
        made.unlink()


def _make(tree: BuildTree, work: Path, what: str, report: Report) -> None:
    def on_line(line: str) -> None:
        if (made := parse_step(line)) is not None:
            report(Progress(what=what, detail=made))

    tree.log.unlink(missing_ok=True)
    seen = tree.toolchain.seen(work, "/module")
    buildtree.run_make(tree, ["modules"], settings=[f"M={seen}"], binds=[(work, "/module")], on_line=on_line)
    report(Progress(what=what, finished=True))
