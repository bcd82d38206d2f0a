"""From a user's choices to a kernel, an image and a QEMU; used by the command line and the plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rustbed import cache as caching
from rustbed import host
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import ForkError, HarnessError, HostError, MismatchError, UsageError
from rustbed.forks.hot.shim import build_shim
from rustbed.host import Qemu
from rustbed.image.initramfs import Image, build_image
from rustbed.instruments.coverage.plugin import with_plugin
from rustbed.kernel import builtkernel, known
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.build import Order, build_kernel, has_tree
from rustbed.kernel.kconfig import list_profiles
from rustbed.kernel.source import SourceKind, parse_source, require_at_hand
from rustbed.kvm import prove_kvm
from rustbed.machine.spec import Hardware, MachineSpec
from rustbed.packs.place import Place
from rustbed.packs.wanted import Wanted, can_be_packed, describe_wanted
from rustbed.progress import Progress, Report, ignore
from rustbed.toolroot.emulator import known_version, require_qemu_root
from rustbed.toolroot.library import HOST
from rustbed.toolroot.toolroot import Toolchain, find_toolroot, open_toolchain

if TYPE_CHECKING:
    from rustbed.packs.pull import Packed

ACCELS = ("auto", "kvm", "tcg")
TOOLCHAINS = ("toolroot", "host")
# ways of forking: a new QEMU loads the template, or a QEMU that runs it copies itself
FORKS = ("restored", "hot")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The user's choices; every field has the default of the command line."""

    # one of kernel.source.FORMS
    kernel: str = "debian:latest"
    profile: str = "default"
    accel: str = "auto"
    toolchain: str = "toolroot"
    # a QEMU binary or a directory of them; None: the toolchain's
    qemu: Path | None = None
    # kconfig fragments on top of the project's
    fragments: tuple[Path, ...] = ()
    image: str = "default"
    # how machines are forked, if possible: one of FORKS
    forks: str = "hot"
    # look for newer kernels instead of what debian:... meant last time
    refresh: bool = False
    # directory in which QEMUs record the executed code; None: no recording
    coverage: Path | None = None
    cache_root: Path = field(default_factory=caching.default_root)
    # places of packs of built kernels
    cache_from: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        parse_source(self.kernel)
        for name, value, taken in (
            ("accel", self.accel, ACCELS),
            ("toolchain", self.toolchain, TOOLCHAINS),
            ("forks", self.forks, FORKS),
            ("profile", self.profile, list_profiles()),
        ):
            if value not in taken:
                raise UsageError(f"unknown {name} {value!r}", choices=", ".join(taken))
        if self.coverage is not None and self.accel == "kvm":
            raise UsageError("coverage is recorded where QEMU emulates, not under KVM", fix="--accel tcg")

    def with_profile(self, profile: str | None) -> Choices:
        """Return the choices with another profile, or these when None."""
        return self if profile is None else replace(self, profile=profile)

    @property
    def cache(self) -> Cache:
        """The cache at `cache_root`."""
        return Cache(self.cache_root)

    def wanted(self, arch: Arch) -> Wanted:
        """Return the kernel and image chosen, as packs are found by it."""
        return describe_wanted(self.kernel, arch, self.profile, self.fragments, self.image)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The common parts of machines of one architecture and profile."""

    kernel: Kernel
    image: Image
    qemu: Qemu
    # returns the compilers; for a kernel from a pack it may fetch them first, which takes minutes
    compilers: Callable[[], Toolchain] = field(repr=False)
    # proven: "kvm" or "tcg"
    accel: str
    # where the kernel came from, if it was not built here
    packed: Packed | None = None
    # number of CPUs of its plain machine
    cpus: int = 1

    @property
    def toolchain(self) -> Toolchain:
        """The compilers, fetched if they are not here."""
        return self.compilers()

    @property
    def name(self) -> str:
        """The architecture, and the number of CPUs if that is not one."""
        return f"{self.kernel.arch}x{self.cpus}" if self.cpus > 1 else self.kernel.arch.name

    def spec(self) -> MachineSpec:
        """Return the plain machine of this platform."""
        hardware = Hardware(cpus=self.cpus)
        return MachineSpec(hardware=hardware, kernel=self.kernel, initramfs=self.image.path, accel=self.accel)


def prepare(arch: Arch, choices: Choices, report: Report) -> Platform:
    """Return a platform to boot machines on, building what the cache does not have.

    Takes milliseconds with everything in the cache, and many minutes with an
    empty one. Raises HostError, KernelError or UsageError.
    """
    require_at_hand(parse_source(choices.kernel))
    if (packed := _find_packed(arch, choices, report)) is not None:
        return packed
    cache = choices.cache
    toolchain = open_toolchain(choices.toolchain, cache, report)
    qemu = _find_qemu(arch, choices, toolchain, report)
    compiler = HOST if choices.qemu else toolchain
    if choices.coverage is not None:
        qemu = with_plugin(qemu, choices.coverage, toolchain=compiler, cache=cache)
    kernel = _build(arch, choices, toolchain, report)
    image = build_image(choices.image, kernel, toolchain=toolchain, cache=cache, report=report)
    accel = _choose_accel(choices, kernel, image, qemu, report)
    if choices.forks == "hot":
        qemu = _with_shim(qemu, accel, compiler, cache)
    return Platform(kernel=kernel, image=image, qemu=qemu, compilers=lambda: toolchain, accel=accel)


def _find_packed(arch: Arch, choices: Choices, report: Report) -> Platform | None:
    """Return a platform whose kernel was built elsewhere; None if there is no pack, or no need for one."""
    if not choices.cache_from or choices.refresh or choices.toolchain != "toolroot":
        return None
    if not can_be_packed(choices.kernel) or _is_built(arch, choices):
        return None
    from rustbed.packs.pull import find_packed, require_packed_qemu  # noqa: PLC0415 - few sessions have packs

    places, cache = choices.cache_from, choices.cache
    try:
        packed = find_packed(choices.wanted(arch), places, cache)
        kernel, image = packed.kernel(report)
        root = None if choices.qemu else require_packed_qemu(arch, places, cache, report)
    except HostError as error:
        report(Progress(what=f"no pack: {error.headline}: building {arch} instead", finished=True))
        return None
    qemu = host.find_qemu(arch, toolroot=root, chosen=choices.qemu)
    compilers = partial(open_toolchain, "toolroot", cache, report)
    if choices.coverage is not None:
        compiler = HOST if choices.qemu else compilers()
        qemu = with_plugin(qemu, choices.coverage, toolchain=compiler, cache=cache)
    accel = _choose_accel(choices, kernel, image, qemu, report)
    if choices.forks == "hot":
        qemu = replace(qemu, uncopyable="the kernel is from a pack, and nothing is compiled for that")
    return Platform(kernel=kernel, image=image, qemu=qemu, compilers=compilers, accel=accel, packed=packed)


def _is_built(arch: Arch, choices: Choices) -> bool:
    order = _find_order(arch, choices)
    return order is not None and known.is_built(order)


def find_vmlinux(arch: Arch, choices: Choices) -> Path | None:
    """Return the ELF file of the chosen kernel if it is here, without building or fetching anything."""
    spec = parse_source(choices.kernel)
    if spec.kind is SourceKind.BUILT:
        return builtkernel.find_vmlinux(spec.path)
    order = _find_order(arch, choices)
    return None if order is None else known.find_vmlinux(order)


def _find_order(arch: Arch, choices: Choices) -> Order | None:
    """Return what `prepare` would build; None if the compilers or the source are not here."""
    if choices.toolchain == "toolroot" and find_toolroot(choices.cache) is None:
        return None
    return known.find_order(
        choices.kernel,
        arch,
        choices.profile,
        toolchain=open_toolchain(choices.toolchain, choices.cache, ignore),
        cache=choices.cache,
        extra_fragments=choices.fragments,
    )


def _find_qemu(arch: Arch, choices: Choices, toolchain: Toolchain, report: Report) -> Qemu:
    """Return the QEMU chosen, else the host's or the toolroot's, as the toolchain is; else Debian's."""
    if choices.qemu is not None or toolchain.root is None:
        return host.find_qemu(arch, toolroot=None, chosen=choices.qemu)
    root = require_qemu_root(arch, toolchain, choices.cache, report)
    return host.find_qemu(arch, toolroot=root, version=known_version(root, toolchain))


def _with_shim(qemu: Qemu, accel: str, toolchain: Toolchain, cache: Cache) -> Qemu:
    """Return a QEMU that can be copied, or that knows why it cannot."""
    if accel != "tcg":
        return replace(qemu, uncopyable=f"a machine under {accel} belongs to one process")
    try:
        return replace(qemu, shim=build_shim(cache, toolchain))
    except ForkError as error:
        return replace(qemu, uncopyable=error.headline)


def _build(
    arch: Arch, choices: Choices, toolchain: Toolchain, report: Report, *, with_tree: bool = False
) -> Kernel:
    return build_kernel(
        choices.kernel,
        arch,
        choices.profile,
        toolchain=toolchain,
        cache=choices.cache,
        report=report,
        extra_fragments=choices.fragments,
        refresh=choices.refresh and not with_tree,
        with_tree=with_tree,
    )


class Platforms:
    """Prepares each architecture and profile once, when first needed."""

    def __init__(self, choices: Choices, report: Report) -> None:
        self.choices = choices
        self._report = report
        self._made: dict[tuple[str, str], Platform | HarnessError] = {}

    def is_made(self, arch: Arch, profile: str | None) -> bool:
        """Whether a platform was prepared already, or could not be."""
        return (arch.name, self.choices.with_profile(profile).profile) in self._made

    def get(self, arch: Arch, profile: str | None) -> Platform:
        """Return the platform; a failure is remembered and raised again at once."""
        choices = self.choices.with_profile(profile)
        key = (arch.name, choices.profile)
        if key not in self._made:
            try:
                self._made[key] = prepare(arch, choices, self._report)
            except HarnessError as error:
                self._made[key] = error
        if isinstance(made := self._made[key], HarnessError):
            raise made
        return made

    def kernel_with_tree(self, arch: Arch, profile: str | None) -> Kernel:
        """Return the kernel with a tree to build modules in: its own, or what its pack has of that.

        A tree that was removed, or that no pack has, is made, in minutes.
        """
        platform = self.get(arch, profile)
        if parse_source(self.choices.kernel).kind.compiled or has_tree(platform.kernel):
            return platform.kernel
        if platform.packed is not None:
            try:
                # it is not a whole source: only this caller gets it
                return platform.packed.sdk(platform.kernel, self._report)
            except HostError as error:
                self._report(Progress(what=f"{error.headline}: building {arch} instead", finished=True))
        choices = self.choices.with_profile(profile)
        kernel = _build(arch, choices, platform.toolchain, self._report, with_tree=True)
        if platform.packed is not None and kernel.key != platform.kernel.key:
            raise MismatchError(
                f"the kernel of the pack and the one built here differ: {kernel.release} {arch}",
                fix="leave out --cache-from",
            )
        self._made[arch.name, choices.profile] = replace(platform, kernel=kernel)
        return kernel


def _choose_accel(choices: Choices, kernel: Kernel, image: Image, qemu: Qemu, report: Report) -> str:
    if choices.accel == "tcg" or choices.coverage is not None:
        return "tcg"
    works = host.kvm_is_conceivable(kernel.arch) and prove_kvm(
        choices.cache, kernel, image.path, qemu, report
    )
    if choices.accel == "kvm" and not works:
        raise HostError(
            f"KVM does not work here for {kernel.arch}: no usable /dev/kvm, or a guest never started",
            fix="--accel tcg",
        )
    return "kvm" if works else "tcg"
