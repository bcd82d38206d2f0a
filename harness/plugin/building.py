"""Fixtures that build for a test's kernel: modules, and programs for the guest."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import pytest

from rustbed.arch import Arch
from rustbed.errors import BuildError, UsageError
from rustbed.image import program
from rustbed.kernel import outoftree
from rustbed.kernel.kbuildfile import find_named
from rustbed.plugin.compilers import note_warnings, session_name
from rustbed.plugin.fixtures import platform_of
from rustbed.plugin.stash import PLATFORMS, make_display, note_use
from rustbed.report.about import BUILT_FOR

_OURS = Path(__file__).parent.parent


@pytest.fixture
def build_modules(
    rustbed_arch: Arch, request: pytest.FixtureRequest
) -> Callable[[str | Path], dict[str, Path]]:
    """Return a function that builds the modules of a directory for the kernel under test.

    The directory's path is relative to the calling file; it must have a Kbuild file or
    Makefile. Returns the files by the modules' names, for `vm.module`.
    """
    platform, wanted = platform_of(request.node, rustbed_arch)
    platforms = request.config.stash[PLATFORMS]

    def build(directory: str | Path) -> dict[str, Path]:
        asked = find_asked(Path(directory), request.path.parent)
        # noted before the build, so that an edit after a failed build affects the test, too
        note_use(request.node, asked)
        try:
            found = outoftree.build_modules(
                platforms.kernel_with_tree(rustbed_arch, wanted.profile),
                asked,
                toolchain=platform.toolchain,
                cache=platforms.choices.cache,
                report=make_display(request.config),
                session=session_name(),
            )
        except BuildError:
            # a test belongs to its driver even if that does not build
            _note_built(request.node, find_named(asked))
            raise
        note_warnings(request.node, found.warnings)
        _note_built(request.node, (module.name for module in found.modules))
        return {module.name: module.path for module in found.modules}

    return build


def _note_built(item: pytest.Item, names: Iterable[str]) -> None:
    item.user_properties += [(BUILT_FOR, name.replace("-", "_")) for name in names]


@pytest.fixture
def build_module(build_modules: Callable[[str | Path], dict[str, Path]]) -> Callable[[str | Path], Path]:
    """Return a function that builds the only module of a directory; see `build_modules`."""

    def build(directory: str | Path) -> Path:
        found = build_modules(directory)
        if len(found) != 1:
            raise UsageError(f"{directory} has to build one module", built=", ".join(found) or "none")
        return next(iter(found.values()))

    return build


@pytest.fixture
def build_program(rustbed_arch: Arch, request: pytest.FixtureRequest) -> Callable[[str | Path], Path]:
    """Return a function that compiles a C file for the guest, with the nolibc of the kernel's source.

    The file's path is relative to the calling file. Returns the program's path, for `vm.push`.
    """
    platform, _ = platform_of(request.node, rustbed_arch)

    def build(source: str | Path) -> Path:
        asked = find_asked(Path(source), request.path.parent)
        note_use(request.node, asked.parent)
        made = program.build_program(
            asked,
            request.config.rootpath,
            platform.kernel,
            toolchain=platform.toolchain,
            cache=request.config.stash[PLATFORMS].choices.cache,
            report=make_display(request.config),
        )
        note_warnings(request.node, made.warnings)
        return made.path

    return build


def find_asked(path: Path, beside: Path) -> Path:
    """Return a path relative to the calling file: that of a test, or of a fixture elsewhere.

    `beside` is the test's directory, which is used if the path does not exist beside the calling file.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _OURS in Path(frame.f_code.co_filename).parents:
        frame = frame.f_back
    asking = Path(frame.f_code.co_filename).parent if frame is not None else beside
    return _without_detours((asking if (asking / path).exists() else beside).absolute() / path)


def _without_detours(path: Path) -> Path:
    """Return a path without `..`, so that a directory always has the same path.

    A path with `..` behind a symbolic link is not changed, because it leads elsewhere.
    """
    plain = Path(os.path.normpath(path))
    return plain if path.exists() and plain.exists() and plain.samefile(path) else path
