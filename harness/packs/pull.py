"""Packs into the cache: found here, else in a place; each part when it is first needed.

A part is an entry of the cache, whole or absent; the pack that was found is noted,
so that the next session needs no network. A caller learns by PackError
that there is no pack, and builds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import HostError, suggest
from rustbed.host import native_arch
from rustbed.image.initramfs import Image
from rustbed.kernel.artifact import Kernel
from rustbed.packs import kernelfile, oci
from rustbed.packs.blob import unpack_part
from rustbed.packs.oci import Blob, Pack, PackError
from rustbed.packs.place import Place
from rustbed.packs.sdk import HOST_FACT, SDK, with_sdk
from rustbed.packs.transport import Store
from rustbed.packs.wanted import Wanted, choose_pack, choose_qemu, explain_lack
from rustbed.progress import Progress, Report, ignore
from rustbed.toolroot import emulator
from rustbed.toolroot.packages import publish_whole
from rustbed.toolroot.toolchain import Toolchain
from rustbed.toolroot.toolroot import find_toolroot

KIND = "packs"
# name of a download that is not yet verified
_UNVERIFIED = ".blob"


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A pack that was found, and where its parts come from."""

    pack: Pack
    arch: Arch
    stores: tuple[Store, ...]
    cache: Cache

    def kernel(self, report: Report) -> tuple[Kernel, Image]:
        """Return the kernel, without symbols, and its image, fetched if need be. Raises PackError."""
        boot = self.part(kernelfile.BOOT, report)
        return kernelfile.parse_kernel((boot / kernelfile.FACTS).read_text(), self.arch, boot)

    def symbols(self, kernel: Kernel, report: Report) -> Kernel:
        """Return a kernel of this pack with its symbols; fetched if they are not here. Raises PackError."""
        return kernelfile.with_symbols(kernel, self.part(kernelfile.SYMBOLS, report))

    def symbols_if_any(self, kernel: Kernel) -> Kernel:
        """Return a kernel of this pack with its symbols if they are available, else as it is."""
        try:
            return self.symbols(kernel, ignore)
        except HostError:
            return kernel

    def sdk(self, kernel: Kernel, report: Report) -> Kernel:
        """Return a kernel of this pack to build modules for; fetched if need be. Raises PackError."""
        native, made = native_arch(), self.pack.facts.get(HOST_FACT)
        if made is not None and (native is None or native.debian_arch != made):
            raise PackError(f"the pack's {SDK} has programs for {made} hosts")
        return with_sdk(kernel, self.part(SDK, report))

    def part(self, name: str, report: Report) -> Path:
        """Return the directory of an unpacked part. Raises PackError."""
        blob = self.pack.part(name)
        what = f"pack of {self.pack.facts.get('release')} {self.arch}: {name}"

        def fill(directory: Path) -> Facts:
            fetch_part(blob, directory, self.stores, what, report)
            return {"pack": self.pack.blob.digest, "part": name}

        self.cache.publish(
            KIND,
            blob.hex[:32],
            fill,
            # files that a guest runs are verified, as those of a kernel built here are
            check=None if name == kernelfile.BOOT else (),
            on_wait=lambda: report(Progress(what=what, detail="another process is fetching it")),
        )
        return self.cache.path(KIND, blob.hex[:32])


def open_stores(places: Sequence[Place]) -> tuple[Store, ...]:
    """Return places, opened for reading."""
    return tuple(Store(place=place) for place in places)


def find_packed(wanted: Wanted, places: Sequence[Place], cache: Cache) -> Packed:
    """Return the wanted pack: the one used before, else that of the first store that has it.

    Raises PackError, which says for each place why it has none.
    """
    stores = open_stores(places)
    if (known := _recall(cache, wanted)) is not None:
        return Packed(pack=known, arch=wanted.arch, stores=stores, cache=cache)
    reasons, fix = [], None
    for store in stores:
        try:
            packs = store.packs()
            if (chosen := choose_pack(packs, wanted)) is None:
                fix = (
                    f"{suggest('pack list PLACE')} shows what is there; --arch, --kernel and --profile choose"
                )
                raise PackError(f"{store.place} has {explain_lack(packs, wanted)}")
            data = store.document(chosen.blob)
            pack = oci.parse_manifest(data, chosen.blob)
        except PackError as error:
            reasons.append(error.headline)
            continue
        _note(cache, wanted, data)
        return Packed(pack=pack, arch=wanted.arch, stores=stores, cache=cache)
    raise PackError("; ".join(reasons) or "no place for packs is known", fix=fix)


def fetch_qemu(arch: Arch, host: Arch, places: Sequence[Place], cache: Cache, report: Report) -> Path:
    """Return the root of a QEMU for guests of `arch`, from a pack. Raises PackError."""
    reasons = []
    stores = open_stores(places)
    for store in stores:
        try:
            chosen = choose_qemu(store.packs(), arch.qemu_package, host.debian_arch)
            if chosen is None:
                raise PackError(f"{store.place} has no {arch.qemu_package} for {host.debian_arch}")
            blob = store.pack(chosen.blob).part("qemu")
            what = f"pack of {arch.qemu_package}"
            return publish_whole(
                arch.qemu_package,
                host.debian_arch,
                emulator.SUITE,
                _qemu_filler(blob, stores, what, report),
                version=chosen.facts.get("release", ""),
                cache=cache,
            )
        except PackError as error:
            reasons.append(error.headline)
    raise PackError("; ".join(reasons) or "no place for packs is known")


def require_packed_qemu(arch: Arch, places: Sequence[Place], cache: Cache, report: Report) -> Path:
    """Return the root of a QEMU: an installed one, else a pack's, else Debian's. Raises HostError."""
    toolroot, native = find_toolroot(cache), native_arch()
    if (found := emulator.find_qemu_root(arch, toolroot, cache)) is not None:
        return found
    if native is not None:
        try:
            return fetch_qemu(arch, native, places, cache, report)
        except PackError as error:
            report(Progress(what=f"no pack of QEMU: {error.headline}: fetching Debian's", finished=True))
    alone = Toolchain(root=toolroot, versions=(), identity="")
    return emulator.require_qemu_root(arch, alone, cache, report)


def _qemu_filler(blob: Blob, stores: Sequence[Store], what: str, report: Report) -> Callable[[Path], None]:
    def fill(root: Path) -> None:
        fetch_part(blob, root, stores, what, report)

    return fill


def fetch_part(blob: Blob, directory: Path, stores: Sequence[Store], what: str, report: Report) -> None:
    """Fill an empty directory with a part from the first store that has it whole. Raises PackError."""
    unverified, reasons = directory / _UNVERIFIED, []
    for store in stores:
        try:
            store.fetch(blob, unverified, what, report)
        except PackError as error:
            reasons.append(error.headline)
            continue
        unpack_part(unverified, directory)
        unverified.unlink()
        report(Progress(what=what, finished=True))
        return
    raise PackError("; ".join(reasons) or "no place for packs is known")


def _path(cache: Cache, wanted: Wanted) -> Path:
    return cache.root / "resolved" / f"pack-{wanted.key}.json"


def _note(cache: Cache, wanted: Wanted, manifest: bytes) -> None:
    """Note which pack was found: it is used until a user refreshes."""
    caching.write_atomically(_path(cache, wanted), manifest.decode())


def _recall(cache: Cache, wanted: Wanted) -> Pack | None:
    """Return the pack that was used before, if its boot part is still here."""
    try:
        data = _path(cache, wanted).read_bytes()
        blob = oci.describe(data, oci.MANIFEST)
        pack = oci.parse_manifest(data, blob)
        key = pack.part(kernelfile.BOOT).hex[:32]
    except (OSError, PackError):
        return None
    return pack if cache.find(KIND, key, check=()) is not None else None
