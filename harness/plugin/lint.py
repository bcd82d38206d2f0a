"""`--lint`: tests with rustfmt, clippy and checkpatch for each directory of modules below tests' paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rustbed import host
from rustbed.arch import Arch
from rustbed.kernel import style
from rustbed.kernel.inputs import find_makefile
from rustbed.log.record import strip_ansi
from rustbed.options import read_arches
from rustbed.plugin.options import given
from rustbed.plugin.stash import PLATFORMS, make_display, note_use

_MODULES = re.compile(r"^\s*obj-m\b", re.MULTILINE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the lint tests of a directory of modules by its Kbuild file, or else by its Makefile."""
    if not given(parent.config)("lint") or not _makes_modules(file_path):
        return None
    driver: pytest.Collector = LintedDriver.from_parent(parent, path=file_path)
    return driver


def _makes_modules(path: Path) -> bool:
    return find_makefile(path.parent) == path and bool(_MODULES.search(path.read_text(errors="replace")))


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> str | None:
    """Report that --lint found nothing to check. Under xdist only workers collect."""
    is_idle = given(config)("lint") and not any(isinstance(item, LintItem) for item in items)
    if not is_idle or config.getoption("numprocesses", None):
        return None
    return "rustbed: --lint found no driver: add its directory to the paths of the tests, or to testpaths"


class LintedDriver(pytest.File):
    """The Kbuild file or Makefile of a directory of modules."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each program."""
        for name, check in _CHECKS.items():
            yield LintItem.from_parent(self, name=name, check=check)


class LintItem(pytest.Item):
    """One program's check of a driver: red if it has remarks."""

    def __init__(self, *, check: Callable[[pytest.Config, Path], str], **place: object) -> None:
        super().__init__(**place)  # type: ignore[arg-type]
        self._check = check

    def runtest(self) -> None:
        """Fail with the remarks."""
        note_use(self, self.path.parent)
        if remarks := self._check(self.config, self.path.parent):
            pytest.fail(strip_ansi(remarks).rstrip(), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return path, line and name for pytest's reports."""
        return self.path, None, f"{self.path.parent.name}: {self.name}"


def _rustfmt(config: pytest.Config, directory: Path) -> str:
    platform = config.stash[PLATFORMS].get(_arch(config), None)
    source = style.require_kernel_source(platform.kernel)
    return style.check_format(style.require_sources(directory), directory, source, platform.toolchain)


def _clippy(config: pytest.Config, directory: Path) -> str:
    platforms = config.stash[PLATFORMS]
    kernel = platforms.kernel_with_tree(_arch(config), None)
    return style.check_code(
        kernel,
        directory,
        toolchain=platforms.get(_arch(config), None).toolchain,
        cache=platforms.choices.cache,
        report=make_display(config),
    )


def _checkpatch(config: pytest.Config, directory: Path) -> str:
    if not style.can_check_style():
        pytest.skip("perl is missing or incomplete on this host")
    kernel = config.stash[PLATFORMS].get(_arch(config), None).kernel
    return style.check_style(style.require_sources(directory), style.require_kernel_source(kernel))


def _arch(config: pytest.Config) -> Arch:
    """Return the architecture whose kernel's settings are used: this host's, if it is tested."""
    arches = read_arches(given(config))
    native = host.native_arch()
    return native if native in arches else arches[0]


_CHECKS = {"rustfmt": _rustfmt, "clippy": _clippy, "checkpatch": _checkpatch}
