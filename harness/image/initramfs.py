"""Makes an image: the initramfs that a kernel boots into.

images/<name>.yaml and the kernel determine the contents. The same parts
give the same bytes.

An image is not compressed: under emulation, unpacking takes longer than reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.checked import hash_file
from rustbed.errors import HostError, SpecError
from rustbed.image import cpio
from rustbed.image.cpio import Member
from rustbed.image.nolibc import find_nolibc
from rustbed.image.rbctl import build_rbctl, rbctl_key
from rustbed.image.spec import ImageSpec, find_spec_file, load_image_spec
from rustbed.image.strip import strip_module
from rustbed.kernel.artifact import Kernel, Module
from rustbed.progress import Progress, Report
from rustbed.toolroot.packages import Package, fetch_package
from rustbed.toolroot.toolchain import Toolchain

KIND = "images"
# incremented when the code below makes another image of the same parts
RECIPE = "1"

_ARCHIVE = "initramfs.cpio"


@dataclass(frozen=True, kw_only=True)
class Image:
    """An initramfs for one kernel."""

    path: Path
    # images with the same key have the same bytes
    key: str
    # name or path of its YAML file
    spec: str


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Everything that determines an image, before any of it is made."""

    spec: ImageSpec
    kernel: Kernel
    modules: tuple[Module, ...]
    busybox: Package
    # the kernel tree with the nolibc for rbctl
    nolibc_source: Path

    @property
    def arch(self) -> Arch:
        return self.kernel.arch


def build_image(
    name_or_path: str,
    kernel: Kernel,
    *,
    toolchain: Toolchain,
    cache: Cache,
    report: Report,
    nolibc_source: Path | None = None,
) -> Image:
    """Return the image called `name_or_path` for a kernel, made if it is not in the cache.

    Takes some milliseconds if it is cached. `nolibc_source` is a
    kernel tree for compiling rbctl, for kernels without their own source;
    without one, Debian's is fetched. Raises UsageError (SpecError for the
    file), HostError and BuildError.
    """
    spec = load_image_spec(find_spec_file(name_or_path))
    parts = _Parts(
        spec=spec,
        kernel=kernel,
        modules=choose_modules(spec, kernel),
        busybox=fetch_package(
            spec.busybox,
            kernel.arch.debian_arch,
            suite=kernel.arch.debian_suite,
            toolchain=toolchain,
            cache=cache,
            report=report,
        ),
        nolibc_source=find_nolibc((kernel.source_dir, nolibc_source), toolchain, cache, report),
    )
    key = _key(parts, toolchain)
    what = f"image {spec.file.stem} for {kernel.release} {kernel.arch}"

    def fill(directory: Path) -> Facts:
        report(Progress(what=what))
        members = _members(parts, toolchain, cache, report)
        archive = cpio.render_cpio(members)
        (directory / _ARCHIVE).write_bytes(archive)
        report(Progress(what=what, finished=True))
        return {"spec": name_or_path, "members": [member.name for member in members]}

    cache.publish(KIND, key, fill)
    return Image(path=cache.path(KIND, key) / _ARCHIVE, key=key, spec=name_or_path)


def choose_modules(spec: ImageSpec, kernel: Kernel) -> tuple[Module, ...]:
    """Return the modules for an image, with their dependencies, sorted by name.

    Of a kernel with thousands of modules, only named ones and those that are loaded early. Raises SpecError
    for a module that the kernel does not have.
    """
    for name in spec.modules or ():
        if name.replace("-", "_") not in kernel.modules:
            problem = f"kernel {kernel.release} for {kernel.arch} has no module {name!r}"
            raise SpecError(problem, file=spec.file, key="modules", choices=sorted(kernel.modules))
    whole = spec.modules is None and kernel.carries_modules
    names = kernel.modules if whole else (*(spec.modules or ()), *_early(spec, kernel))
    chosen = {module.name: module for name in names for module in kernel.load_order(name)}
    return tuple(chosen[name] for name in sorted(chosen))


def _early(spec: ImageSpec, kernel: Kernel) -> tuple[str, ...]:
    """Return the early modules that are modules in this kernel, in the order of loading."""
    wanted = [name for name in spec.early_modules if name.replace("-", "_") in kernel.modules]
    return tuple(dict.fromkeys(module.name for name in wanted for module in kernel.load_order(name)))


def _key(parts: _Parts, toolchain: Toolchain) -> str:
    spec, busybox = parts.spec, parts.busybox
    return caching.hash_text(
        RECIPE,
        # stands for the modules' contents
        parts.kernel.key,
        toolchain.identity,
        *(busybox.name, busybox.version, busybox.arch),
        rbctl_key(spec.rbctl, parts.arch, parts.nolibc_source, toolchain),
        hash_file(spec.init),
        *(f"applet {name}" for name in spec.applets),
        *(f"directory {name}" for name in spec.directories),
        *(f"file {file.path} {file.executable} {hash_file(file.source)}" for file in spec.files),
        *(f"early {name}" for name in _early(spec, parts.kernel)),
        *(f"module {module.name}" for module in parts.modules),
    )


def _members(parts: _Parts, toolchain: Toolchain, cache: Cache, report: Report) -> tuple[Member, ...]:
    spec = parts.spec
    rbctl = build_rbctl(
        spec.rbctl, parts.arch, parts.nolibc_source, toolchain=toolchain, cache=cache, report=report
    )
    early = "".join(f"{name}\n" for name in _early(spec, parts.kernel))
    return cpio.with_parents(
        [
            cpio.file("init", spec.init.read_bytes(), 0o755),
            cpio.file("bin/busybox", _find_busybox(parts.busybox).read_bytes(), 0o755),
            cpio.file("bin/rbctl", rbctl.read_bytes(), 0o755),
            *(cpio.symlink(f"bin/{name}", "busybox") for name in spec.applets),
            *(cpio.directory(name) for name in spec.directories),
            *(
                cpio.file(file.path, file.source.read_bytes(), 0o755 if file.executable else 0o644)
                for file in spec.files
            ),
            # for the standard streams of process 1 until it mounts /dev
            cpio.character_device("dev/console", 5, 1),
            cpio.character_device("dev/null", 1, 3, 0o666),
            cpio.file("etc/rustbed/early-modules", early.encode()),
            *(
                cpio.file(
                    f"lib/modules/{module.name}.ko", strip_module(module, toolchain=toolchain, cache=cache)
                )
                for module in parts.modules
            ),
        ]
    )


def _find_busybox(package: Package) -> Path:
    for place in ("usr/bin/busybox", "bin/busybox"):
        if (path := package.root / place).is_file():
            return path
    raise HostError(
        f"Debian's package {package.name} {package.version} has no busybox in it", searched=package.root
    )
