"""Making packs, and keeping them in a store: an OCI layout in a directory.

A store is whole at any time: blobs are renamed into place before the index
that names them is.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rustbed import cache as caching
from rustbed.cache import Cache
from rustbed.host import native_arch
from rustbed.image.initramfs import Image
from rustbed.image.strip import strip_module
from rustbed.kernel import siblings
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.build import has_tree
from rustbed.packs import kernelfile, oci
from rustbed.packs.blob import LEVEL, write_part
from rustbed.packs.oci import Blob, Pack
from rustbed.packs.place import Kind, Place
from rustbed.packs.sdk import HOST_FACT, SDK, list_sdk
from rustbed.packs.transport import Store, require_layout
from rustbed.packs.wanted import QEMU, Wanted
from rustbed.progress import Progress, Report
from rustbed.toolroot.packages import Package
from rustbed.toolroot.toolchain import Toolchain

# directories of a QEMU's root that no guest needs
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/bug", "usr/share/lintian", "var")
# lower zstd levels, which save minutes and give 1 % more bytes
_LEVELS = {SDK: 9}
# facts: a later pack replaces an earlier one in which all of these are equal
_SAME = ("kind", "source", "arch", "profile", "recipe", "package", "host")


def push_kernel(
    kernel: Kernel,
    image: Image,
    wanted: Wanted,
    directory: Path,
    *,
    toolchain: Toolchain,
    cache: Cache,
    report: Report,
) -> Pack:
    """Put a kernel that was built here, and its image, into a store; return its pack.

    The part sdk goes with it if the kernel's build tree exists. An earlier pack of it is replaced.
    """
    with _work_in(directory) as work:
        parts = list_binaries(kernel, image, work, toolchain=toolchain, cache=cache)
        rendered = kernelfile.render_kernel(kernel, image)
        parts[kernelfile.BOOT][kernelfile.FACTS] = _write(work, kernelfile.FACTS, rendered)
        parts[kernelfile.SOURCE] = {"SOURCE": _write(work, "SOURCE", describe_origin(kernel, toolchain))}
        facts = wanted.facts() | {"release": kernel.release, "key": kernel.key}
        with _tree_held(kernel, cache):
            if (native := native_arch()) is not None and has_tree(kernel):
                facts[HOST_FACT] = native.debian_arch
                parts[SDK] = list_sdk(kernel)
            return push_parts(directory, facts, parts, kernel.arch.debian_arch, report)


def list_binaries(
    kernel: Kernel, image: Image, work: Path, *, toolchain: Toolchain, cache: Cache
) -> dict[str, dict[str, Path]]:
    """Return the compiled files of the parts boot and symbols, by name; stripped modules go to `work`."""
    boot = {kernelfile.IMAGE: kernel.image, kernelfile.INITRAMFS: image.path}
    symbols = {}
    if kernel.vmlinux is not None:
        symbols[kernelfile.VMLINUX] = kernel.vmlinux
    if kernel.config is not None:
        boot[kernelfile.CONFIG] = kernel.config
    for module in kernel.modules.values():
        name = kernelfile.module_file(module.name)
        symbols[name] = module.path
        boot[name] = work / module.path.name
        boot[name].write_bytes(strip_module(module, toolchain=toolchain, cache=cache))
    return {kernelfile.BOOT: boot, kernelfile.SYMBOLS: symbols}


def _tree_held(kernel: Kernel, cache: Cache) -> AbstractContextManager[None]:
    """Keep other processes from building in the kernel's tree meanwhile."""
    if kernel.build_dir is None:
        return nullcontext()
    return cache.lock(siblings.lock_name(kernel.build_dir), shared=True)


def describe_origin(kernel: Kernel, toolchain: Toolchain) -> str:
    """Return where the source of a kernel's binaries is: the GPL requires it, with all options."""
    where = kernel.source_dir.parent.name if kernel.source_dir else "unknown"
    options = kernel.config.read_text() if kernel.config else ""
    return (
        f"Linux {kernel.release} ({kernel.source}), GPL-2.0-only.\n"
        f"Source: {where}. Debian keeps every version: https://snapshot.debian.org/package/linux/\n"
        f"Built with {', '.join(f'{name} {version}' for name, version in toolchain.versions)}.\n"
        "In the initramfs: busybox (Debian's package, GPL-2.0) and rbctl (rustbed's images/, GPL-2.0).\n"
        f"The configuration:\n\n{options}"
    )


def push_qemu(package: Package, host: str, directory: Path, report: Report) -> Pack:
    """Put a QEMU into a store: a package with all that it needs to run on `host`, Debian's name for that."""
    files = {
        path.relative_to(package.root).as_posix(): path
        for path in sorted(package.root.rglob("*"))
        if _is_needed(path, package.root)
    }
    origin = (
        f"Debian's package {package.name} {package.version} ({host}) and those that it depends on.\n"
        "Their sources: https://snapshot.debian.org/\n"
    )
    with _work_in(directory) as work:
        parts = {
            QEMU: files,
            kernelfile.SOURCE: {"SOURCE": _write(work, "SOURCE", origin)},
        }
        facts = {"kind": QEMU, "package": package.name, "host": host, "release": package.version}
        return push_parts(directory, facts, parts, host, report)


def _is_needed(path: Path, root: Path) -> bool:
    if path.relative_to(root).as_posix().startswith(_UNUSED):
        return False
    if path.is_symlink():
        # absolute links, as of Debian's alternatives, are broken in another root
        return not path.readlink().is_absolute()
    return path.is_file()


def prune(directory: Path) -> int:
    """Remove the blobs that no pack of a store names; return their bytes. Raises PackError."""
    require_layout(directory)
    with _locked(directory):
        store = Store(place=Place(kind=Kind.DIRECTORY, base=str(directory)))
        packs = [store.pack(pack.blob) for pack in store.packs()]
        index = _write_index(directory, packs)
        used = {index.hex} | {blob.hex for pack in packs for blob in _blobs(pack)}
        gone = [path for path in (directory / "blobs/sha256").iterdir() if path.name not in used]
        freed = sum(path.stat().st_size for path in gone)
        for path in gone:
            path.unlink()
        return freed


def _blobs(pack: Pack) -> tuple[Blob, ...]:
    return (pack.blob, *pack.parts.values(), *([pack.config] if pack.config else []))


def _make(directory: Path) -> None:
    (directory / "blobs/sha256").mkdir(parents=True, exist_ok=True)


@contextmanager
def _work_in(directory: Path) -> Iterator[Path]:
    """Yield a directory for files of a store, which may not exist yet. Raises HostError for a full disk."""
    with caching.out_of_space_named(directory, "writing a pack"):
        _make(directory)
        with tempfile.TemporaryDirectory(prefix=".pack-", dir=directory) as scratch:
            yield Path(scratch)


def _write(work: Path, name: str, text: str) -> Path:
    path = work / name
    path.write_text(text)
    return path


def push_parts(
    directory: Path,
    facts: Mapping[str, str],
    parts: Mapping[str, Mapping[str, Path]],
    arch: str,
    report: Report,
    *,
    level: int = LEVEL,
) -> Pack:
    """Put a pack with these facts and parts into a store; `arch` is Debian's name of what runs it.

    `level` is zstd's, at most. Raises HostError for a full disk: the store is then unchanged.
    """
    blobs, layers = {}, []
    with caching.out_of_space_named(directory, "writing a pack"):
        _make(directory)
        for name, files in parts.items():
            report(Progress(what=f"pack {facts['release']}", detail=name))
            blobs[name], layer = _keep_part(directory, name, files, level)
            layers.append(layer)
        config = _keep(directory, oci.render_config(arch, layers), oci.CONFIG)
        manifest = _keep(directory, oci.render_manifest(facts, blobs, config), oci.MANIFEST)
        pack = Pack(blob=manifest, facts=facts, parts=blobs, config=config)
        with _locked(directory):
            others = [other for other in _list(directory) if _name(other) != _name(pack)]
            _write_index(directory, [*others, pack])
    report(Progress(what=f"pack {facts['release']}", finished=True))
    return pack


def _name(pack: Pack) -> tuple[str | None, ...]:
    return tuple(pack.facts.get(name) for name in _SAME)


def _list(directory: Path) -> tuple[Pack, ...]:
    if not (directory / oci.TOP).is_file():
        return ()
    return Store(place=Place(kind=Kind.DIRECTORY, base=str(directory))).packs()


def _keep_part(directory: Path, name: str, files: Mapping[str, Path], level: int) -> tuple[Blob, str]:
    with tempfile.NamedTemporaryFile(prefix=".part-", dir=directory, delete=False) as made:
        path = Path(made.name)
    try:
        blob, layer = write_part(path, files, min(level, _LEVELS.get(name, level)))
        path.chmod(0o644)
        path.replace(directory / "blobs/sha256" / blob.hex)
    finally:
        path.unlink(missing_ok=True)
    return blob, layer


def _keep(directory: Path, data: bytes, media_type: str) -> Blob:
    blob = oci.describe(data, media_type)
    _replace(directory / "blobs/sha256" / blob.hex, data)
    return blob


def _write_index(directory: Path, packs: Sequence[Pack]) -> Blob:
    index = _keep(directory, oci.render_index(packs), oci.INDEX)
    for name, data in oci.render_layout(index).items():
        _replace(directory / name, data)
    return index


def _replace(path: Path, data: bytes) -> None:
    """Write a file that other processes may be reading, all of it or nothing, and readable by all users."""
    caching.write_atomically(path, data.decode())
    path.chmod(0o644)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a store's lock: one process at a time changes it."""
    with (directory / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
