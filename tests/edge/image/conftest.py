"""Shell scripts for a toolchain, text files for a kernel; and rbctl as the real toolchain makes it."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import kernels
from tests.provided import missing

from rustbed.arch import ARCHES
from rustbed.cache import Cache, default_root
from rustbed.data import data_dir
from rustbed.host import native_arch
from rustbed.image.rbctl import build_rbctl
from rustbed.kernel.artifact import Kernel, Module
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import open_toolchain

# what each program does, in sh; `$home` is the directory in which tests put switches
_PROGRAMS = {
    "apt-get": """
        [ ! -e "$home/offline" ] || { echo "E: Could not connect to mirror:80"; exit 100; }
        for word; do last=$word; done
        case " $* " in *" download "*) : >"${last}_1.0_all.deb" ;; esac
    """,
    "dpkg-deb": """
        [ ! -e "$home/full" ] || { echo "dpkg-deb: error: No space left on device"; exit 2; }
        case $1 in
        -x) mkdir -p "$3/usr/bin"; [ -e "$home/hollow" ] || echo busybox >"$3/usr/bin/busybox" ;;
        -f) echo "1:1.0-1" ;;
        esac
    """,
    "make": """
        for word; do case $word in O=*) mkdir -p "${word#O=}/usr/include/linux" ;; esac; done
        [ ! -e "$home/no-headers" ] || { echo "make: *** No rule to make target 'headers'." >&2; exit 2; }
    """,
    "clang": """
        [ ! -e "$home/typo" ] || { echo "steps.c:3:1: error: unknown type name 'inth'" >&2; exit 1; }
        while [ "$1" != -o ]; do shift; done
        echo rbctl >"$2"
    """,
    "llvm-objcopy": """
        grep -q debug "$2" || { echo "llvm-objcopy: error: '$2': not a module" >&2; exit 1; }
        sed -i "s/ with debug information//" "$2"
    """,
}


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """The programs on PATH."""

    home: Path

    def switch(self, name: str, *, on: bool = True) -> None:
        """Make programs behave as the scripts above say for that switch."""
        (self.home / name).touch() if on else (self.home / name).unlink()

    def calls(self, name: str) -> int:
        """Return how often a program was called."""
        log = self.home / "calls"
        return log.read_text().split().count(name) if log.exists() else 0


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    home = tmp_path / "fakes"
    home.mkdir()
    for name, body in _PROGRAMS.items():
        script = home / name
        script.write_text(f'#!/bin/sh\nset -e\nhome={home}\necho {name} >>"$home/calls"\n{body}')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    monkeypatch.setenv("RUSTBED_MIRROR", "http://mirror.invalid/debian")
    return Fakes(home=home)


@pytest.fixture
def toolchain() -> Toolchain:
    return Toolchain(root=None, versions=(), identity="fake")


# makes a kernel of modules, each given by its text, for an architecture
KernelMaker = Callable[..., Kernel]


@pytest.fixture
def make_kernel(tmp_path: Path) -> KernelMaker:
    source = tmp_path / "linux"
    (source / "tools/include/nolibc").mkdir(parents=True)
    (source / "tools/include/nolibc/nolibc.h").write_text("#define NOLIBC\n")
    (source / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\n")

    def make(
        key: str = "k1", arch: str = "arm64", needs: dict[str, tuple[str, ...]] | None = None, **modules: str
    ) -> Kernel:
        found = {}
        for name, text in modules.items():
            path = tmp_path / f"{key}-{name}.ko"
            path.write_text(f"{text} with debug information\n")
            found[name] = Module(name=name, path=path, depends=(needs or {}).get(name, ()))
        return kernels.make_kernel(
            arch=ARCHES[arch], image=tmp_path / "Image", modules=found, source_dir=source, key=key
        )

    return make


@pytest.fixture(scope="session")
def rbctl() -> Path:
    """Compile rbctl for this host; skip until the cache has a toolroot and sources."""
    cache = Cache(default_root())
    arch = native_arch()
    sources = sorted(cache.root.glob("sources/*/linux/tools/include/nolibc/nolibc.h"))
    if arch is None:
        pytest.skip(f"no row for this host's architecture: {platform.machine()}")
    if not sources or not any(cache.root.glob("toolroots/*/manifest.json")):
        missing(f"no toolroot and kernel sources in {cache.root}")
    toolchain = open_toolchain("toolroot", cache, ignore)
    return build_rbctl(
        data_dir("images") / "rbctl",
        arch,
        sources[-1].parents[3],
        toolchain=toolchain,
        cache=cache,
        report=ignore,
    )


def call(rbctl: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(rbctl), *words], input=stdin, capture_output=True, check=False, timeout=600)
