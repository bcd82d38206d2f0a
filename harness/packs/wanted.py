"""Which pack has the kernel that a user wants; known without its source or the compilers.

What decides about a kernel is what the user said and what this rustbed makes of
it: options, recipes, programs of the guest. `recipe` is the hash of that. Pure
but for reading our own files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.checked import hash_file
from rustbed.image import initramfs
from rustbed.image.rbctl import hash_sources
from rustbed.image.spec import find_spec_file, load_image_spec
from rustbed.kernel import build, kconfig
from rustbed.kernel.source import SourceKind, parse_source
from rustbed.packs.oci import Pack
from rustbed.toolroot import toolroot

# increased when packs are made differently
RECIPE = "1"
KERNEL, QEMU = "kernel", "qemu"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A kernel and its image, as a user requests them."""

    # "debian:latest"
    source: str
    arch: Arch
    profile: str
    recipe: str

    @property
    def key(self) -> str:
        """What identifies the request."""
        return caching.hash_text(self.source, self.arch.name, self.profile, self.recipe)

    def facts(self) -> dict[str, str]:
        """Return the facts of a pack that has it."""
        return {
            "kind": KERNEL,
            "source": self.source,
            "arch": self.arch.name,
            "profile": self.profile,
            "recipe": self.recipe,
        }


def can_be_packed(source: str) -> bool:
    """Whether a name means the same kernel everywhere: what Debian has, or an address. Raises UsageError."""
    spec = parse_source(source)
    return spec.kind is SourceKind.DEBIAN or (spec.kind is SourceKind.TARBALL and "://" in spec.where)


def describe_wanted(source: str, arch: Arch, profile: str, fragments: Sequence[Path], image: str) -> Wanted:
    """Return the request, with the hash of everything here that determines the kernel. Raises UsageError."""
    options = kconfig.load_fragments(kconfig.fragment_paths(arch, profile, fragments))
    spec = load_image_spec(find_spec_file(image))
    recipe = caching.hash_text(
        *(RECIPE, build.RECIPE, initramfs.RECIPE, toolroot.recipe_key()),
        *(arch.kernel_arch, arch.kernel_image, arch.debian_suite, spec.busybox),
        *(f"{option.since} {option.until} {option}" for option in options),
        hash_sources(spec.rbctl),
        hash_file(spec.init),
        *(str(part) for part in (spec.applets, spec.modules, spec.early_modules, spec.directories)),
        *(f"{file.path} {file.executable} {hash_file(file.source)}" for file in spec.files),
    )
    return Wanted(source=source, arch=arch, profile=profile, recipe=recipe)


def choose_pack(packs: Iterable[Pack], wanted: Wanted) -> Pack | None:
    """Return the pack of a store that has the wanted kernel, the newest of several; None if none has."""
    found = [pack for pack in packs if _is_wanted(pack, wanted)]
    return max(found, key=lambda pack: (_version(pack), pack.blob.digest), default=None)


def explain_lack(packs: Sequence[Pack], wanted: Wanted) -> str:
    """Return why no pack of a store has the wanted kernel."""
    kernels = [pack for pack in packs if pack.facts.get("kind") == KERNEL]
    here = [pack for pack in kernels if pack.facts.get("arch") == wanted.arch.name]
    if not here:
        known = ", ".join(sorted({pack.facts.get("arch", "?") for pack in kernels})) or "no kernels at all"
        return f"no kernel for {wanted.arch}, only {known}" if kernels else "no kernels"
    if not any(_serves(pack.facts.get("source", ""), pack.facts, wanted.source) for pack in here):
        return f"no kernel for {wanted.source} on {wanted.arch}"
    if not any(pack.facts.get("profile") == wanted.profile for pack in here):
        return f"no kernel for {wanted.arch} with profile {wanted.profile}"
    return f"a kernel for {wanted.arch}, but of another recipe: other options, or another version of rustbed"


def choose_qemu(packs: Iterable[Pack], package: str, host: str) -> Pack | None:
    """Return the pack with a QEMU, by its Debian package and the host's architecture, or None."""
    wanted = {"kind": QEMU, "package": package, "host": host}
    return next((pack for pack in packs if wanted.items() <= pack.facts.items()), None)


def _is_wanted(pack: Pack, wanted: Wanted) -> bool:
    asked = {name: text for name, text in wanted.facts().items() if name != "source"}
    return asked.items() <= pack.facts.items() and _serves(
        pack.facts.get("source", ""), pack.facts, wanted.source
    )


def _serves(source: str, facts: Mapping[str, str], wanted: str) -> bool:
    """Whether a pack of one source serves a request for another: Debian's 7.3.4 serves debian:7.3."""
    if source == wanted:
        return True
    spec, release = parse_source(wanted), facts.get("release", "")
    return (
        spec.kind is SourceKind.DEBIAN
        and source.startswith(f"{SourceKind.DEBIAN}:")
        and f"{release}.".startswith(f"{spec.where}.")
    )


def _version(pack: Pack) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", pack.facts.get("release", "")))
