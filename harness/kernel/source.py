"""Kernel sources: parses the user's name of a source, and finds or fetches its directory.

    debian:latest  debian:7.3  debian:7.3.4    Debian's linux-source packages
    tree:PATH                                  a kernel tree, used in place and never written to
    tarball:PATH  tarball:https://...          a release archive
    built:PATH                                 a kernel compiled elsewhere; builtkernel.py reads it
    debian-image:latest  debian-image:7.3.4    Debian's kernel as Debian built it; debianimage.py fetches it
    debian-image:7.3.4/rt-amd64                one of its flavours

The meaning of a moving name (latest, a URL) is recorded in
the cache with its date, so that the next run needs no network and gets the
same kernel; --refresh looks it up again.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rustbed import cache as caching
from rustbed.cache import Cache, Facts
from rustbed.checked import hash_file
from rustbed.errors import UsageError
from rustbed.kernel import debian
from rustbed.kernel.archive import download, extract_member, unpack_archive
from rustbed.kernel.resolved import recall, remember
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Toolchain

KIND = "sources"
# GiB for an unpacked kernel tree and its archive
_SPACE_GIB = 3.0
# files of a cached source that are checked to exist
_LANDMARKS = ("linux/Makefile", "linux/Kconfig", "linux/scripts/min-tool-version.sh", "linux/rust/Makefile")
# forms of sources, for messages
FORMS = (
    *("debian:latest", "debian:X.Y", "tree:PATH", "tarball:PATH-OR-URL"),
    *("built:PATH", "debian-image:latest", "debian-image:X.Y.Z"),
)


class SourceKind(StrEnum):
    """The words before the colon."""

    DEBIAN = "debian"
    TREE = "tree"
    TARBALL = "tarball"
    BUILT = "built"
    DEBIAN_IMAGE = "debian-image"

    @property
    def compiled(self) -> bool:
        """Whether it is a compiled kernel, with a configuration of its own."""
        return self in (SourceKind.BUILT, SourceKind.DEBIAN_IMAGE)


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """The user's name of a source, parsed but not looked up."""

    kind: SourceKind
    # the part after the colon
    where: str

    @property
    def path(self) -> Path:
        """The directory or file that a tree:, built: or local tarball: names."""
        return Path(self.where).expanduser().absolute()

    def __str__(self) -> str:
        """Return it in the user's form."""
        return f"{self.kind}:{self.where}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """An unpacked kernel source tree."""

    # the user's name for it
    name: str
    directory: Path
    # (major, minor) from its Makefile
    version: tuple[int, int]
    # sources with the same identity have the same contents; "" for a tree that may be edited
    identity: str

    @property
    def editable(self) -> bool:
        """Whether the tree is a working copy that may change."""
        return self.identity == ""


def parse_source(text: str) -> SourceSpec:
    """Parse `debian:latest`, `tree:PATH` and so on. Raises UsageError, which shows the forms."""
    kind, colon, where = text.partition(":")
    if not colon or kind not in tuple(SourceKind) or not where:
        raise UsageError(
            f"unknown kernel source {text!r}",
            choices=", ".join(FORMS),
        )
    if kind == SourceKind.DEBIAN and not re.fullmatch(r"latest|\d+\.\d+(\.\d+)?", where):
        raise UsageError(f"unknown kernel source {text!r}", choices="debian:latest, debian:7.3, debian:7.3.4")
    if kind == SourceKind.DEBIAN_IMAGE and not re.fullmatch(r"(latest|\d+\.\d+(\.\d+)?)(/[\w-]+)?", where):
        choices = "debian-image:latest, debian-image:7.3.4, debian-image:7.3.4/rt-amd64"
        raise UsageError(f"unknown kernel source {text!r}", choices=choices)
    if kind == SourceKind.TARBALL and "://" in where and not where.startswith("https://"):
        raise UsageError(f"{text}: only https addresses are fetched")
    return SourceSpec(kind=SourceKind(kind), where=where)


def parse_makefile_version(text: str) -> tuple[int, int] | None:
    """Return (VERSION, PATCHLEVEL) of a kernel's top Makefile; None for another file."""
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL)\s*=\s*(\d+)\s*$", text, re.MULTILINE))
    return (int(found["VERSION"]), int(found["PATCHLEVEL"])) if len(found) == 2 else None


def resolve_source(
    spec: SourceSpec, *, toolchain: Toolchain, cache: Cache, report: Report, refresh: bool = False
) -> Source:
    """Return the source tree of `spec`, fetched and unpacked into the cache if necessary.

    `refresh` looks up again what a moving name means. Raises UsageError if there is
    no such source, HostError if it is unavailable now.
    """
    if spec.kind is SourceKind.TREE:
        return _open_tree(spec)
    resolve = {SourceKind.DEBIAN: _resolve_debian, SourceKind.TARBALL: _resolve_tarball}[spec.kind]
    key = resolve(spec, toolchain, cache, report, refresh)
    directory = cache.path(KIND, key) / "linux"
    return Source(name=str(spec), directory=directory, version=require_version(directory), identity=key)


def require_at_hand(spec: SourceSpec) -> None:
    """Raise UsageError if a path in a source's name leads nowhere, before anything is made for its sake."""
    if spec.kind is SourceKind.TREE:
        _open_tree(spec)
    elif spec.kind is SourceKind.BUILT and not spec.path.is_dir():
        raise UsageError(f"{spec}: there is no directory {spec.path}")
    elif spec.kind is SourceKind.TARBALL and "://" not in spec.where:
        _require_archive(spec)


def find_source(spec: SourceSpec, cache: Cache) -> Source | None:
    """Return the source tree that a name meant last time; None if it is not cached, or may be edited."""
    if spec.kind not in (SourceKind.DEBIAN, SourceKind.TARBALL) or not (
        key := recall(cache, KIND, spec.kind, spec.where)
    ):
        return None
    directory = cache.path(KIND, key) / "linux"
    return Source(name=str(spec), directory=directory, version=require_version(directory), identity=key)


def require_version(directory: Path) -> tuple[int, int]:
    """Return the kernel version of a source tree. Raises UsageError if it is not one, or has no Rust."""
    makefile = directory / "Makefile"
    version = parse_makefile_version(makefile.read_text(errors="replace")) if makefile.is_file() else None
    if version is None or not (directory / "Kconfig").is_file():
        raise UsageError(f"{directory} is not a kernel source tree", lacks="Makefile with VERSION, Kconfig")
    if not (directory / "rust" / "Makefile").is_file():
        raise UsageError(f"{directory}: Linux {version[0]}.{version[1]} has no Rust (rust/Makefile)")
    return version


def _open_tree(spec: SourceSpec) -> Source:
    directory = spec.path
    if not directory.is_dir():
        raise UsageError(f"{spec}: there is no directory {directory}")
    version = require_version(directory)
    # the kernel's own test for a tree that cannot be used with O= (target outputmakefile of its Makefile)
    signs = [directory / ".config", directory / "include" / "config"]
    signs += directory.glob("arch/*/include/generated")
    if found := [path for path in signs if path.exists()]:
        raise UsageError(
            f"{spec}: a kernel was configured or built inside this tree, so it cannot be built elsewhere",
            found=found[0],
            fix=f"make -C {shlex.quote(str(directory))} mrproper (removes its .config), or a git worktree",
        )
    return Source(name=str(spec), directory=directory, version=version, identity="")


def _resolve_debian(
    spec: SourceSpec, toolchain: Toolchain, cache: Cache, report: Report, refresh: bool
) -> str:
    if not refresh and (known := recall(cache, KIND, spec.kind, spec.where)):
        return known
    package = debian.choose_package(debian.list_packages(cache, report), spec.where)
    key = f"{package.name}-{package.version}"
    log = cache.root / "logs" / f"unpack-{key}.log"

    def fill(directory: Path) -> Facts:
        caching.require_space(directory, _SPACE_GIB, f"unpacking {package}")
        deb = debian.fetch_package(package, directory, cache, report)
        archive = extract_member(deb, f"./usr/src/{package.name}.tar.xz", toolchain, log)
        deb.unlink()
        to = directory / "linux"
        unpack_archive(archive, to, what=str(package), toolchain=toolchain, log=log, report=report)
        archive.unlink()
        return {"package": package.name, "version": package.version}

    _publish(cache, key, fill, report)
    remember(cache, key, spec.kind, spec.where)
    return key


def _resolve_tarball(
    spec: SourceSpec, toolchain: Toolchain, cache: Cache, report: Report, refresh: bool
) -> str:
    if "://" not in spec.where:
        return _publish_archive(spec, _require_archive(spec), toolchain, cache, report)
    if not refresh and (known := recall(cache, KIND, spec.kind, spec.where)):
        return known
    archive = cache.root / "downloads" / caching.hash_text(spec.where)
    archive.parent.mkdir(parents=True, exist_ok=True)
    attempted = f"fetching {spec.where}"
    with cache.lock(f"download-{archive.name}"), caching.out_of_space_named(cache.root, attempted):
        try:
            download(spec.where, archive, report)
            key = _publish_archive(spec, archive, toolchain, cache, report)
        finally:
            archive.unlink(missing_ok=True)
    remember(cache, key, spec.kind, spec.where)
    return key


def _require_archive(spec: SourceSpec) -> Path:
    if not (spec.path.is_file() and os.access(spec.path, os.R_OK)):
        raise UsageError(f"{spec}: there is no readable file {spec.path}")
    return spec.path


def _publish_archive(
    spec: SourceSpec, archive: Path, toolchain: Toolchain, cache: Cache, report: Report
) -> str:
    checksum = hash_file(archive)
    key = f"tarball-{checksum[:16]}"

    def fill(directory: Path) -> Facts:
        caching.require_space(directory, _SPACE_GIB, f"unpacking {archive.name}")
        log = cache.root / "logs" / f"unpack-{key}.log"
        to = directory / "linux"
        unpack_archive(archive, to, what=archive.name, toolchain=toolchain, log=log, report=report)
        require_version(directory / "linux")
        return {"from": spec.where, "sha256": checksum}

    _publish(cache, key, fill, report)
    return key


def _publish(cache: Cache, key: str, fill: Callable[[Path], Facts], report: Report) -> None:
    cache.publish(
        KIND,
        key,
        fill,
        hashed=lambda path: path.as_posix() in _LANDMARKS,
        check=(),
        on_wait=lambda: report(Progress(what=f"source {key}", detail="another process is fetching it")),
    )
