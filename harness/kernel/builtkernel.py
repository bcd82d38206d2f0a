"""A kernel that was compiled elsewhere: found in a directory, checked, and used unchanged.

The directory is an O= tree, or has an image and modules, and possibly vmlinux and
the configuration. It is never written to.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import ARCHES, Arch
from rustbed.checked import hash_file
from rustbed.errors import MismatchError, UsageError
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.elf import parse_elf
from rustbed.kernel.image_file import ImageFacts, find_config, has_rust_symbols, identify_image
from rustbed.kernel.kconfig import parse_config
from rustbed.kernel.module import ModuleFacts, read_module, require_match

PROFILE = "built"
# names of images outside of an O= tree, in order of preference; * stands for a release
_IMAGES = ("image", "bzImage*", "Image", "Image.gz", "Image-*", "vmlinuz*", "boot/vmlinuz*", "boot/Image*")
_VMLINUX = ("vmlinux", "vmlinux-*", "boot/vmlinux*", "usr/lib/debug/boot/vmlinux*")
_CONFIGS = (".config", "config", "config-*", "boot/config-*")
_COMPRESSED = {".xz": "unxz", ".zst": "unzstd --rm", ".gz": "gunzip"}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The files of a built kernel."""

    directory: Path
    image: Path
    modules: tuple[Path, ...]
    vmlinux: Path | None
    config: Path | None


def load_built(directory: Path, arch: Arch, name: str) -> Kernel:
    """Return the kernel in a directory; `name` is the user's name for it.

    Raises UsageError if there is none, and MismatchError if it is for another
    architecture, lacks Rust or modules, or has a module that it would refuse.
    """
    found = _find_files(directory, arch, name)
    data = found.image.read_bytes()
    facts = identify_image(data)
    _require_arch(facts, found.image, arch)
    _require_symbols_arch(found.vmlinux, arch)
    modules = [(path, read_module(path)) for path in found.modules]
    release = facts.release or modules[0][1].release
    for path, module in modules:
        require_match(module, path, arch, release, modules[0][1].vermagic)
    _require_rust(found, data)
    return Kernel(
        arch=arch,
        release=release,
        image=found.image,
        modules=_describe(modules),
        vmlinux=found.vmlinux,
        config=found.config,
        source_dir=_source_of(directory),
        build_dir=directory if (directory / "include/config/kernel.release").is_file() else None,
        source=name,
        profile=PROFILE,
        key=_key(arch, data, found.modules),
    )


def find_arch(directory: Path) -> str | None:
    """Return the architecture of the image in a directory; None if there is none or its format is unknown."""
    image = _first(directory, (*(row.kernel_image for row in ARCHES.values()), *_IMAGES))
    return None if image is None else identify_image(image.read_bytes()).arch


def find_vmlinux(directory: Path) -> Path | None:
    """Return the ELF file with symbols in a directory; None if there is none."""
    return _first(directory, _VMLINUX)


def _find_files(directory: Path, arch: Arch, name: str) -> _Found:
    if not directory.is_dir():
        raise UsageError(f"{name}: there is no directory {directory}")
    # images of other architectures are found, too, for a better error message
    rows = (arch, *ARCHES.values())
    image = _first(directory, (*(row.kernel_image for row in rows), *_IMAGES))
    if image is None:
        raise UsageError(
            f"{name}: there is no kernel image in {directory}",
            looked_for=", ".join((arch.kernel_image, *_IMAGES)),
        )
    return _Found(
        directory=directory,
        image=image,
        modules=_find_modules(directory, name),
        vmlinux=find_vmlinux(directory),
        config=_first(directory, _CONFIGS),
    )


def _first(directory: Path, patterns: Iterable[str]) -> Path | None:
    for pattern in patterns:
        if found := sorted(path for path in directory.glob(pattern) if path.is_file()):
            return found[0]
    return None


def _find_modules(directory: Path, name: str) -> tuple[Path, ...]:
    order = directory / "modules.order"
    if order.is_file() and (directory / "include").is_dir():
        built = [(directory / line).with_suffix(".ko") for line in order.read_text().split()]
        if missing := [path for path in built if not path.is_file()]:
            raise MismatchError(
                f"{name}: {len(missing)} of {len(built)} modules were not built",
                first=missing[0],
                fix=f"make modules in {directory}",
            )
    else:
        built = sorted(directory.rglob("*.ko"))
    if built:
        return tuple(built)
    for suffix, program in _COMPRESSED.items():
        if next(directory.rglob(f"*.ko{suffix}"), None) is not None:
            raise MismatchError(
                f"{name}: the modules are compressed",
                fix=f"find {shlex.quote(str(directory))} -name '*.ko{suffix}' -exec {program} {{}} +",
            )
    raise MismatchError(
        f"{name}: there are no modules (*.ko) in {directory}",
        fix="build the drivers under test as modules (=m), and put their .ko files there",
    )


def _require_arch(facts: ImageFacts, image: Path, arch: Arch) -> None:
    if facts.arch is None:
        raise MismatchError(
            f"{image} is not a kernel image of a known format",
            known="bzImage, Image, Image.gz, ELF",
        )
    if facts.arch != arch.name:
        raise MismatchError(f"kernel {image} is for {facts.arch}, not for {arch}")


def _require_symbols_arch(vmlinux: Path | None, arch: Arch) -> None:
    if vmlinux is None:
        return
    try:
        elf = parse_elf(vmlinux.read_bytes())
    except ValueError as error:
        raise MismatchError(f"{vmlinux}: {error}") from error
    if not elf.belongs_to(arch):
        raise MismatchError(f"{vmlinux} is for {elf.name_arch()}, not for {arch}")


def _require_rust(found: _Found, image: bytes) -> None:
    """Raise MismatchError unless the configuration, or else the symbols, show that the kernel has Rust."""
    text = _find_config_text(found, image)
    if text is not None:
        if parse_config(text).get("RUST") != "y":
            raise MismatchError(
                f"the kernel in {found.directory} was built without Rust",
                config=found.config or "in the image (IKCONFIG)",
                fix="set CONFIG_RUST=y; `make rustavailable` says what it needs",
            )
        return
    files = (*found.modules, *([found.vmlinux] if found.vmlinux else []))
    if not any(has_rust_symbols(path.read_bytes()) for path in files):
        raise MismatchError(
            f"nothing shows that the kernel in {found.directory} was built with Rust",
            fix="put its .config (as `config`) or its vmlinux beside the image",
        )


def _find_config_text(found: _Found, image: bytes) -> str | None:
    if found.config is not None:
        return found.config.read_text(errors="replace")
    inside = find_config(image)
    if inside is None and found.vmlinux is not None:
        inside = find_config(found.vmlinux.read_bytes())
    return inside


def _describe(modules: Iterable[tuple[Path, ModuleFacts]]) -> dict[str, Module]:
    found = {facts.name: Module(name=facts.name, path=path, depends=facts.depends) for path, facts in modules}
    return dict(sorted(found.items()))


def _source_of(directory: Path) -> Path | None:
    """Return the source tree of an O= tree; kbuild leaves a link to it."""
    link = directory / "source"
    return link.resolve() if link.is_symlink() and link.is_dir() else None


def _key(arch: Arch, image: bytes, modules: Iterable[Path]) -> str:
    sums = sorted(f"{path.stem} {hash_file(path)}" for path in modules)
    return caching.hash_text(arch.name, hashlib.sha256(image).hexdigest(), *sums)
