"""Programs on PATH that stand in for the real ones, and a source tree for the fake make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.kernel.made import Builder

from rustbed.arch import require_arch
from rustbed.cache import Cache
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.build import build_kernel
from rustbed.progress import Report, ignore
from rustbed.toolroot.toolchain import Toolchain

FAKES = Path(__file__).parent / "fakes"
MAKEFILE = "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\n"
MINIMUMS = "#!/bin/sh\ncase $1 in rustc) echo 1.85.0;; llvm) echo 17.0.1;; bindgen) echo 0.71.1;; esac\n"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the fakes first on PATH; the file has a line for each time one was called."""
    path = tmp_path / "calls"
    path.write_text("")
    monkeypatch.setenv("PATH", f"{FAKES}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_CALLS", str(path))
    monkeypatch.setenv("RUSTBED_MIRROR", "http://mirror.invalid/debian")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def toolchain() -> Toolchain:
    versions = {"rustc": "1.96.1", "clang": "19.1.7", "bindgen": "0.71.1"}
    versions |= {"ld.lld": "19.1.7", "llvm-objcopy": "19.1.7"}
    return Toolchain(root=None, versions=tuple(versions.items()), identity="fake")


def make_tree(root: Path) -> Path:
    """Return a source tree for the fake make: two modules, and a file that makes the image."""
    for name, text in {
        "Makefile": MAKEFILE,
        "Kconfig": 'config MODULES\n\tbool "Modules"\n\tdepends on MAGIC\n',
        "rust/Makefile": "",
        "scripts/min-tool-version.sh": MINIMUMS,
        "main.c": "int main;",
        "samples/rust_minimal.rs": "module!",
        "samples/rust_print.rs": "module!",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "linux")


@pytest.fixture
def build(calls: Path, cache: Cache, toolchain: Toolchain, tree: Path) -> Builder:
    def build(
        source: str = f"tree:{tree}",
        report: Report = ignore,
        versions: dict[str, str] | None = None,
        extra: Sequence[Path] = (),
        with_tree: bool = False,
    ) -> Kernel:
        chosen = replace(toolchain, versions=tuple(versions.items())) if versions else toolchain
        return build_kernel(
            source,
            require_arch("x86_64"),
            "default",
            toolchain=chosen,
            cache=cache,
            report=report,
            extra_fragments=extra,
            with_tree=with_tree,
        )

    return build
