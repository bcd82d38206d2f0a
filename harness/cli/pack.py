"""`rustbed pack`: shares kernels that were built here, and fetches kernels that others built."""

from __future__ import annotations

import argparse
from pathlib import Path

from rustbed import host
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.cli.arguments import choices_of
from rustbed.cli.terminal import complain, make_display, say
from rustbed.errors import UsageError, suggest
from rustbed.options import BUILDS_KERNELS, NAMES_KERNELS, add_options, read_arches
from rustbed.packs.kernelfile import SOURCE
from rustbed.packs.oci import Pack, PackError
from rustbed.packs.place import Kind, Place, parse_place
from rustbed.packs.pull import fetch_qemu, find_packed
from rustbed.packs.push import prune, push_kernel, push_qemu
from rustbed.packs.transport import Store, require_layout
from rustbed.packs.verify import find_faults, name_pack
from rustbed.packs.wanted import can_be_packed
from rustbed.prepare import Platforms
from rustbed.progress import Report, plural
from rustbed.rebuild import find_rebuilt_difference
from rustbed.toolroot import emulator
from rustbed.toolroot.packages import fetch_package
from rustbed.toolroot.toolchain import Toolchain

_MIB = 2**20
# options of the actions that choose kernels
_OPTIONS = {"push": BUILDS_KERNELS, "pull": NAMES_KERNELS, "verify": (*NAMES_KERNELS, "toolchain")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, about, action in (
        ("push", "write kernels, built here if necessary, and their QEMU into a directory", _push),
        ("pull", "fetch kernels and their QEMU into the cache", _pull),
        ("list", "show what is in a store, and its digest", _list),
        ("verify", "check every byte of a store", _verify),
        ("prune", "remove files of a directory that no pack names", _prune),
    ):
        made = actions.add_parser(name, help=about, description=about)
        made.set_defaults(action=action)
        wanted = (
            "a directory" if name in ("push", "prune") else "a directory, or the address of a remote store"
        )
        made.add_argument("place", metavar="PLACE", help=wanted)
        add_options(made.add_argument, _OPTIONS.get(name, ()))
        if name == "push":
            made.add_argument("--tree", action="store_true", help="push even a kernel of a tree: source")
            made.add_argument("--no-qemu", action="store_true", help="leave QEMU out")
        if name == "pull":
            made.add_argument("--symbols", action="store_true", help="fetch debug information now, too")
        if name == "verify":
            made.add_argument(
                "--rebuild", action="store_true", help="build the kernel from scratch, and compare every file"
            )


def run(args: argparse.Namespace) -> int:
    """Run the action and return the exit status. Raises HarnessError."""
    status: int = args.action(args)
    return status


def _directory(args: argparse.Namespace) -> Path:
    place = parse_place(args.place)
    if place.kind is not Kind.DIRECTORY:
        raise UsageError(
            f"packs are written to directories, and not to {place}",
            fix=f"{suggest('pack push DIR')}, then skopeo copy --all oci:DIR:packs docker://HOST/NAME:TAG",
        )
    return Path(place.base)


def _stored(args: argparse.Namespace) -> Place:
    """Return the place whose packs are wanted. Raises UsageError for a directory without any."""
    place = parse_place(args.place)
    if place.kind is Kind.DIRECTORY:
        try:
            require_layout(Path(place.base))
        except PackError as error:
            raise UsageError(error.headline, **error.facts) from error
    return place


def _push(args: argparse.Namespace) -> int:
    directory, choices, report = _directory(args), choices_of(args), make_display()
    if not can_be_packed(choices.kernel) and not args.tree:
        raise UsageError(
            f"{choices.kernel} is not pushed unless you ask: others cannot see what it was made from",
            fix="--tree",
        )
    platforms = Platforms(choices, report)
    for arch in read_arches(vars(args).__getitem__):
        platform = platforms.get(arch, None)
        if platform.packed is not None:
            raise UsageError(f"the kernel for {arch} came from a pack", fix="leave out --cache-from")
        push_kernel(
            # with the build tree, for the pack's sdk
            platforms.kernel_with_tree(arch, None),
            platform.image,
            choices.wanted(arch),
            directory,
            toolchain=platform.toolchain,
            cache=choices.cache,
            report=report,
        )
        if not args.no_qemu:
            _push_qemu(arch, platform.toolchain, choices.cache, directory, report)
    return _list(args)


def _push_qemu(arch: Arch, toolchain: Toolchain, cache: Cache, directory: Path, report: Report) -> None:
    if (native := host.native_arch()) is None:
        complain("there are no packages for this host's architecture: QEMU is left out")
        return
    package = fetch_package(
        arch.qemu_package,
        native.debian_arch,
        toolchain=toolchain,
        cache=cache,
        report=report,
        suite=emulator.SUITE,
        with_dependencies=True,
    )
    push_qemu(package, native.debian_arch, directory, report)


def _pull(args: argparse.Namespace) -> int:
    choices, report = choices_of(args), make_display()
    places = (_stored(args),)
    for arch in read_arches(vars(args).__getitem__):
        packed = find_packed(choices.wanted(arch), places, choices.cache)
        kernel, _ = packed.kernel(report)
        # the kernel's source is fetched with it
        packed.part(SOURCE, report)
        if args.symbols:
            kernel = packed.symbols(kernel, report)
        say(f"{arch}  {kernel.release}  kernel  {kernel.image}")
        if (native := host.native_arch()) is not None:
            try:
                say(f"{arch}  QEMU  {fetch_qemu(arch, native, places, choices.cache, report)}")
            except PackError as error:
                complain(error.headline)
    return 0


def _list(args: argparse.Namespace) -> int:
    store = Store(place=_stored(args))
    for listed in store.packs():
        _tell(store.pack(listed.blob))
    say(f"pin  {args.place.partition('@')[0]}@{store.index().digest}")
    return 0


def _tell(pack: Pack) -> None:
    sizes = ", ".join(f"{name} {blob.size / _MIB:.1f} MiB" for name, blob in pack.parts.items())
    say(f"{name_pack(pack)}  {sizes}")


def _verify(args: argparse.Namespace) -> int:
    store, faults = Store(place=_stored(args)), 0
    for fault in find_faults(store, make_display()):
        complain(fault)
        faults += 1
    say(f"{args.place}: {plural(faults, 'fault') if faults else 'whole'}")
    if args.rebuild and not faults:
        for arch in read_arches(vars(args).__getitem__):
            difference = find_rebuilt_difference(arch, choices_of(args), store.place, make_display())
            say(f"{arch}: {difference or 'the same bytes when built again'}")
            faults += difference is not None
    return 1 if faults else 0


def _prune(args: argparse.Namespace) -> int:
    directory = _directory(args)
    _stored(args)
    say(f"{prune(directory) / _MIB:.1f} MiB freed")
    return 0
