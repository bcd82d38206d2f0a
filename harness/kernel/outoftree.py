"""Builds out-of-tree modules for one kernel.

The author's directory is not written to: files are copied when their
contents change, to a separate directory for each kernel, and kbuild works
there (Documentation/kbuild/modules.rst). So one directory can be built for all
architectures. Builds are kept with a digest of their inputs, and a
build with the same inputs is not repeated.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rustbed import cache as caching
from rustbed.cache import Cache
from rustbed.errors import BuildError, UsageError
from rustbed.here import from_here
from rustbed.kernel import buildtree, diagnosis, equalbuilds, lacking, probes, siblings
from rustbed.kernel.artifact import Kernel, Module, require_same_compiler
from rustbed.kernel.buildstate import TREE, BuildState, forget_state, load_state
from rustbed.kernel.buildtree import BuildTree
from rustbed.kernel.inputs import ORDER, Inputs, copy_inputs, read_inputs, require_plain
from rustbed.kernel.kbuildfile import find_named, require_makefile, without_modules
from rustbed.kernel.make import parse_step
from rustbed.kernel.module import describe_modules, read_module, require_match
from rustbed.kernel.source import Source, require_version
from rustbed.log.record import strip_ansi
from rustbed.progress import Progress, Report
from rustbed.toolroot.clippy import Clippy
from rustbed.toolroot.toolchain import Toolchain

KIND = "outoftree"
# incremented when the same inputs shall be built again
_RECIPE = "2"
# colours in messages; requested in every build, because a changed flag would recompile everything
_COLOURED = ("KRUSTFLAGS=--color=always", "KCFLAGS=-fcolor-diagnostics")
# failures that may not happen again with the same inputs
_PASSING = re.compile(r"Killed|No space left|Cannot allocate memory|signal: \d+")


@dataclass(frozen=True, kw_only=True)
class Built:
    """The result of building a directory."""

    modules: tuple[Module, ...]
    # the compilers' warnings, unchanged and with colours; "" if there are none
    warnings: str


def build_modules(
    kernel: Kernel,
    directory: Path,
    *,
    toolchain: Toolchain,
    cache: Cache,
    report: Report,
    session: str = "",
    clippy: Clippy | None = None,
) -> Built:
    """Build the modules in a directory that has a Kbuild file or Makefile, and return them.

    Takes milliseconds when nothing changed, a second or two after an edit. The same
    `session` does not repeat a failed build with the same inputs. Raises UsageError if the
    directory or the kernel's build tree is missing, MismatchError for another compiler
    than the kernel's, and BuildError with the first error if it does not compile. With
    `clippy` the Rust sources are checked in a build of their own, and `warnings` has all remarks.
    """
    # without links, as the kernel goes up from it: `../common` is beside what a link leads to
    directory = require_makefile(directory.resolve())
    tree = open_tree(kernel, toolchain, cache, directory)
    if clippy:
        tree = replace(tree, log=tree.log.with_stem(f"{tree.log.stem}-clippy"))
    require_same_compiler(kernel, toolchain)
    place = cache.path(KIND, tree.log.stem)
    attempted = f"building {directory.name}"
    with cache.lock(f"{KIND}-{place.name}"), caching.out_of_space_named(place, attempted):
        wanted = read_inputs(directory)
        require_plain(wanted)
        linter = clippy.version if clippy else ""
        digest = caching.hash_text(_RECIPE, wanted.digest, kernel.key, toolchain.identity, linter)
        state = load_state(place)
        if state.digest != digest or not _is_there(place, state, session):
            if clippy:
                # make would skip unchanged files, and so their remarks
                caching.remove_tree(place)
            # the kernel's tree must not change or be removed meanwhile; several builds may read it
            with cache.lock(siblings.lock_name(tree.directory), shared=True):
                todo = _Building(kernel, tree, place, wanted, directory, report, clippy, cache)
                state = todo.run(state, digest, session)
    if state.failure:
        raise _build_error(directory, state, tree)
    found = describe_modules(place / TREE / path for path in state.modules.values())
    return Built(modules=tuple(found.values()), warnings=from_here(state.warnings).rstrip("\n"))


def _is_there(place: Path, state: BuildState, session: str) -> bool:
    """Whether a build is unnecessary: its modules exist, or this session has seen it fail."""
    if state.failure:
        return bool(session) and state.session == session
    return bool(state.modules) and all((place / TREE / path).is_file() for path in state.modules.values())


@dataclass(frozen=True)
class _Building:
    """One build."""

    kernel: Kernel
    tree: BuildTree
    # the directory of the build in the cache
    place: Path
    wanted: Inputs
    directory: Path
    report: Report
    clippy: Clippy | None
    cache: Cache

    def run(self, known: BuildState, digest: str, session: str) -> BuildState:
        """Update the copy, take the modules of an equal build or make them, and save the result."""
        work = self._update(known)
        taken = None
        if self._is_shared:
            taken = equalbuilds.take_build(self.cache, digest, self.wanted.root, work)
        state = taken or self._build(digest, session)
        state.save(self.place)
        if self._is_shared and not taken:
            equalbuilds.keep_build(self.cache, state, work)
        return state

    @property
    def _is_shared(self) -> bool:
        """Whether the compilers see the same paths whatever the directory."""
        return self.tree.toolchain.root is not None

    def _update(self, known: BuildState) -> Path:
        """Update the copy of the author's files, and return the directory that they are in."""
        work = self.place / TREE
        if not work.is_dir():
            caching.remove_tree(self.place)
        work.mkdir(parents=True, exist_ok=True)
        # no state until the end, so that an interrupted build is not taken for a complete one
        forget_state(self.place)
        copy_inputs(self.wanted, work, known.files)
        return work

    def _build(self, digest: str, session: str) -> BuildState:
        """Make the modules of the copy."""
        printed, failure = "", ""
        beside: dict[str, str] = {}
        for place in (*self.wanted.needs, self.wanted.place):
            failure, text = self._make(place)
            printed += text
            if failure:
                break
            if place != self.wanted.place:
                beside |= self._list_modules(place)
        made = {} if failure else self._list_modules(self.wanted.place)
        state = BuildState(
            digest=digest,
            root=str(self.wanted.root),
            files=self.wanted.files,
            modules=made,
            beside=beside,
            warnings=printed if not failure and "warning" in printed.lower() else "",
            failure=failure,
            printed=printed if failure else "",
            session="" if _PASSING.search(printed) else session,
        )
        if not failure:
            self._require_modules(made)
        return state

    def _make(self, place: Path) -> tuple[str, str]:
        """Run make in one directory; return its first error ("" without one) and the tools' output."""

        def on_line(line: str) -> None:
            if (made := parse_step(line)) is not None:
                self.report(Progress(what=what, detail=made))

        what = f"modules in {self.directory.name} {self.kernel.arch}"
        work = self.place / TREE
        seen = self.tree.toolchain.seen(work, "/module")
        self.tree.log.unlink(missing_ok=True)
        remembered, bind = probes.remember(self.kernel, self.tree.toolchain, self.cache)
        settings = [f"M={Path(seen, place)}", *_COLOURED, *remembered]
        binds = [(work, "/module"), bind]
        if self.clippy:
            settings += ["CLIPPY=1", f"CLIPPY_DRIVER={self.clippy.program}"]
            binds += self.clippy.binds
        failed = False
        try:
            buildtree.run_make(self.tree, ["modules"], settings=settings, binds=binds, on_line=on_line)
        except BuildError:
            failed = True
        self.report(Progress(what=what, finished=True))
        text = self.tree.log.read_text(errors="replace")
        self.tree.log.write_text(strip_ansi(text))
        find = partial(self._find, place=place, seen=seen)
        printed = diagnosis.place_paths(diagnosis.keep_tools(text), find)
        if not failed:
            return "", f"{printed}\n" if printed else ""
        first = diagnosis.find_failure(text).placed(find)
        hints = lacking.find_fragment_lines(self.kernel, printed)
        return str(first), "\n".join([printed, *hints]) + "\n"

    def _find(self, path: str, *, place: Path, seen: str) -> str | None:
        """Return the author's path for a path in the output of make's programs."""
        inside = Path(os.path.normpath(Path(seen, place, path)))
        if not inside.is_relative_to(seen) or str(inside.relative_to(seen)) not in self.wanted.files:
            return None
        return str(self.wanted.root / inside.relative_to(seen))

    def _list_modules(self, place: Path) -> dict[str, str]:
        """Return the modules in kbuild's list for a directory, without left-over files of older builds."""
        work = self.place / TREE
        order = work / place / ORDER
        listed = order.read_text().split() if order.is_file() else []
        paths = [Path(place, line).with_suffix(".ko") for line in listed]
        return {path.stem.replace("-", "_"): str(path) for path in paths if (work / path).is_file()}

    def _require_modules(self, made: Mapping[str, str]) -> None:
        for name in made.values():
            path = self.place / TREE / name
            require_match(read_module(path), path, self.kernel.arch, self.kernel.release)
        if not made:
            raise without_modules(self.directory, self.kernel)


def _build_error(directory: Path, state: BuildState, tree: BuildTree) -> BuildError:
    printed = from_here(state.printed).rstrip("\n")
    error = BuildError(
        f"{_name(directory)} does not build: {from_here(state.failure)}",
        printed=strip_ansi(printed),
        log=tree.log,
    )
    error.printed = printed
    return error


def _name(directory: Path) -> str:
    """Return a directory's name in messages: that of its module if there is only one, else its own."""
    named = find_named(directory)
    return named[0] if len(named) == 1 else directory.name


def open_tree(kernel: Kernel, toolchain: Toolchain, cache: Cache, directory: Path) -> BuildTree:
    """Return the kernel's build tree for the modules of a directory. Raises UsageError if there is none."""
    if kernel.build_dir is None or kernel.source_dir is None:
        raise UsageError(
            f"modules cannot be built for {kernel.source}: its build tree or its source is missing",
            fix="a built: kernel has to be an O= directory with its source; debian:VERSION is built here",
        )
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
        log=cache.root / "logs" / f"{caching.hash_text(str(directory), str(kernel.build_dir))}.log",
        only_read=True,
    )
