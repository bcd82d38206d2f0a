"""Debian's own kernel, as a cache entry: fetched, unpacked and checked once.

Debian's kernels for the desktop have CONFIG_RUST on some architectures. They
have thousands of modules, none of the samples, no symbols, and nothing to
build modules with.
"""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import HostError, UsageError
from rustbed.kernel import collect, debian
from rustbed.kernel.archive import unpack_package
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.builtkernel import PROFILE, load_built
from rustbed.kernel.debian import BINARY, KernelPackage
from rustbed.kernel.resolved import recall, remember
from rustbed.kernel.source import SourceSpec
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Toolchain

# incremented when other files of the packages are kept
RECIPE = "1"
# prefixes of further packages: the modules, the configuration
_BESIDE = ("linux-modules-", "linux-base-")
_IMAGE = "vmlinuz"
# GiB: the packages, and their modules compressed and uncompressed
_SPACE_GIB = 2.0
# files that are verified when a session begins; hashing thousands of modules would take too long
_CHECKED = (_IMAGE, "config")


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A request for one of Debian's kernels."""

    spec: SourceSpec
    arch: Arch
    toolchain: Toolchain
    cache: Cache
    report: Report

    def fetch(self, package: KernelPackage, directory: Path) -> Path:
        """Fetch a package into a directory. Raises HostError."""
        return debian.fetch_package(package, directory, self.cache, self.report, self.arch.debian_arch)


def fetch_image(
    spec: SourceSpec, arch: Arch, *, toolchain: Toolchain, cache: Cache, report: Report, refresh: bool = False
) -> Kernel:
    """Return Debian's own kernel for `debian-image:...` and an architecture, fetched if necessary.

    The toolchain's programs unpack it. Raises UsageError if Debian has no such kernel, MismatchError for one
    without Rust, HostError if the mirror does not answer.
    """
    words = (spec.kind, spec.where, arch.debian_arch)
    key = None if refresh else recall(cache, collect.KIND, *words)
    facts = None if key is None else cache.find(collect.KIND, key, check=_CHECKED)
    if key is None or facts is None:
        package = choose_image(list_images(cache, report, arch.debian_arch), spec.where)
        key = caching.hash_text(RECIPE, str(package), arch.debian_arch)
        order = _Order(spec=spec, arch=arch, toolchain=toolchain, cache=cache, report=report)
        facts = _publish(package, key, order)
        remember(cache, key, *words)
    return collect.read_kernel(cache.path(collect.KIND, key), facts, arch, PROFILE, str(spec))


def list_images(cache: Cache, report: Report, debian_arch: str = "") -> tuple[KernelPackage, ...]:
    """List Debian's built kernels of all flavours on the mirror. Raises HostError."""
    return debian.list_packages(cache, report, BINARY, debian_arch)


def flavour(package: KernelPackage) -> str:
    """Return the flavour at the end of a package's name: "amd64", "rt-amd64", "arm64-16k"."""
    return package.name.partition("+")[2].partition("-")[2]


def choose_flavour(packages: Sequence[KernelPackage], wanted: str = "") -> tuple[KernelPackage, ...]:
    """Return the kernels of one flavour, newest first; "" is the plain flavour, which has the shortest name.

    Raises UsageError, which lists the flavours.
    """
    flavours = sorted({flavour(package) for package in packages}, key=lambda name: (len(name), name))
    if wanted and wanted not in flavours:
        raise UsageError(
            f"Debian has no kernel of the flavour {wanted!r}", available=", ".join(flavours) or "none at all"
        )
    name = wanted or next(iter(flavours), "")
    return tuple(package for package in packages if flavour(package) == name)


def choose_image(packages: Sequence[KernelPackage], wanted: str) -> KernelPackage:
    """Return the newest kernel for "latest", "7.3", "7.3.4" or "7.3.4/rt-amd64". Raises UsageError."""
    version, _, name = wanted.partition("/")
    return debian.choose_package(choose_flavour(packages, name), version)


def _publish(package: KernelPackage, key: str, order: _Order) -> Facts:
    cache, report = order.cache, order.report
    what = f"kernel {package.name.removeprefix(BINARY)}"

    def fill(directory: Path) -> Facts:
        caching.require_space(directory, _SPACE_GIB, f"unpacking {package}")
        root = directory / "root"
        root.mkdir()
        beside = [replace(package, name=package.name.replace(BINARY, prefix)) for prefix in _BESIDE]
        for each in (package, *beside):
            deb = order.fetch(each, directory)
            report(Progress(what=what, detail=f"unpacking {each.name}"))
            unpack_package(deb, root, order.toolchain, cache.root / "logs" / f"unpack-{key}.log")
            deb.unlink()
        _arrange(root, directory, package)
        caching.remove_tree(root)
        report(Progress(what=what, detail="reading its modules"))
        kernel = load_built(directory, order.arch, str(order.spec))
        report(Progress(what=what, finished=True))
        return {
            "release": kernel.release,
            "image": _IMAGE,
            "modules": {name: [each.path.name, *each.depends] for name, each in kernel.modules.items()},
            "contents": kernel.key,
            "source": str(order.spec),
            "package": str(package),
        }

    return cache.publish(
        collect.KIND,
        key,
        fill,
        check=_CHECKED,
        on_wait=lambda: report(Progress(what=what, detail="another process is fetching it")),
    )


def _arrange(root: Path, directory: Path, package: KernelPackage) -> None:
    """Fill `directory` with the files of a kernel's entry, with uncompressed modules. Raises HostError."""
    found = next(root.glob("usr/lib/modules/*/vmlinuz"), None)
    if found is None or not (found.parent / "config").is_file():
        raise HostError(f"Debian's package {package} has no vmlinuz and config below /usr/lib/modules")
    for name in _CHECKED:
        shutil.move(found.parent / name, directory / name)
    to = directory / "modules"
    to.mkdir()

    def unpack(path: Path) -> None:
        data = path.read_bytes()
        name = path.name.removesuffix(".xz")
        (to / name).write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)

    with ThreadPoolExecutor() as pool:
        # raises the first failure
        list(pool.map(unpack, sorted(found.parent.glob("kernel/**/*.ko*"))))
