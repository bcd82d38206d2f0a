"""From a source and fragments to a Kernel, through the cache.

A kernel is looked up by everything that decides about it: the source, the
options asked for, the compilers, the architecture. What is found is verified
by checksum; what is missing or damaged is made again in its O= tree, which
stays in the cache, so that little has to be compiled twice.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import cache as caching
from harness.arch import Arch
from harness.cache import Cache, Facts
from harness.errors import BuildError, UsageError
from harness.kernel import buildtree, kconfig
from harness.kernel.artifact import Kernel, Module
from harness.kernel.buildtree import BuildTree
from harness.kernel.builtkernel import load_built
from harness.kernel.kconfig import Option
from harness.kernel.make import parse_step
from harness.kernel.module import describe_modules
from harness.kernel.source import Source, SourceKind, parse_source, resolve_source
from harness.kernel.toolchain import Toolchain
from harness.progress import Progress, Report

KIND = "kernels"
TREES = "builds"
# counted up when the same inputs shall give another kernel
RECIPE = "1"
# GiB: an O= tree with debug information
_SPACE_GIB = 2.0
# steps of a first build, where no earlier one was counted: x86_64 with the default profile
_STEPS = 1_800


@dataclass(frozen=True, kw_only=True)
class _Order:
    """One kernel that is wanted, and who wants it."""

    source: Source
    arch: Arch
    profile: str
    options: tuple[Option, ...]
    toolchain: Toolchain
    cache: Cache
    report: Report

    @property
    def what(self) -> str:
        return f"kernel {'.'.join(map(str, self.source.version))} {self.arch} {self.profile}"

    def key(self, *contents: str) -> str:
        """Return what identifies a kernel made from these source contents."""
        return caching.hash_text(
            RECIPE,
            *contents,
            self.arch.kernel_arch,
            self.arch.kernel_image,
            kconfig.render_options(self.options),
            self.toolchain.identity,
        )

    def tree(self) -> BuildTree:
        """Return the O= tree, which an edited source keeps."""
        key = self.key("tree", self.source.identity or str(self.source.directory))
        return BuildTree(
            directory=self.cache.path(TREES, key),
            source=self.source,
            arch=self.arch,
            toolchain=self.toolchain,
            options=self.options,
            log=self.cache.root / "logs" / f"kernel-{self.arch}-{self.profile}-{key}.log",
        )

    def waiting(self) -> None:
        self.report(Progress(what=self.what, detail="another process is building it"))


def build_kernel(
    source: str,
    arch: Arch,
    profile: str,
    *,
    toolchain: Toolchain,
    cache: Cache,
    report: Report,
    extra_fragments: Sequence[Path] = (),
    refresh: bool = False,
) -> Kernel:
    """Return the kernel that `source` ("debian:latest", "tree:PATH" ...) means for an architecture.

    Takes milliseconds when it is in the cache, seconds after an edit, and
    minutes otherwise. `refresh` looks up anew what a moving name means.
    Raises UsageError, HostError, and KernelError with its kinds.
    """
    paths = kconfig.fragment_paths(arch, profile, extra_fragments)
    options = kconfig.load_fragments(paths)
    spec = parse_source(source)
    if spec.kind is SourceKind.BUILT:
        if extra_fragments:
            raise UsageError(f"{spec} is built already: it takes no kconfig fragments")
        return load_built(Path(spec.where).expanduser().absolute(), arch, str(spec))
    resolved = resolve_source(spec, toolchain=toolchain, cache=cache, report=report, refresh=refresh)
    order = _Order(
        source=resolved,
        arch=arch,
        profile=profile,
        options=kconfig.merge_options(options, resolved.version),
        toolchain=toolchain,
        cache=cache,
        report=report,
    )
    return _build(order)


def _build(order: _Order) -> Kernel:
    key = order.key("kernel", order.source.identity)
    tree = order.tree()

    def fill(directory: Path) -> Facts:
        with order.cache.lock(f"{TREES}-{tree.directory.name}", order.waiting):
            _compile(order, tree)
            return _collect(order, tree, directory)

    checked = _checked_files(order.cache, key)
    facts = order.cache.publish(KIND, key, fill, check=checked, on_wait=order.waiting)
    return _load(order, order.cache.path(KIND, key), facts)


def _checked_files(cache: Cache, key: str) -> tuple[str, ...]:
    """Return the files of an entry that are compared with their checksums: those that a guest runs."""
    try:
        manifest = json.loads((cache.path(KIND, key) / caching.MANIFEST).read_text())
        return tuple(name for name in manifest["files"] if name != "vmlinux")
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _compile(order: _Order, tree: BuildTree) -> None:
    """Bring a tree up to date; what an earlier, unfinished build left is tried first."""
    fresh = buildtree.is_fresh(tree)
    buildtree.require_versions(order.toolchain, order.source, order.arch)
    caching.require_space(tree.directory, _SPACE_GIB, f"building {order.what}")
    tree.log.unlink(missing_ok=True)
    try:
        _make(order, tree)
    except BuildError:
        # an unedited source was built before: it is the tree that is broken
        if fresh or order.source.editable:
            raise
        order.report(Progress(what=order.what, detail="the build tree is damaged: starting over"))
        caching.remove_tree(tree.directory)
        tree.directory.mkdir(parents=True)
        _make(order, tree)


def _make(order: _Order, tree: BuildTree) -> None:
    order.report(Progress(what=order.what, detail="configuring"))
    buildtree.configure(tree, order.source.identity)
    counts = order.cache.root / "resolved" / f"steps-{order.arch}-{order.profile}"
    total = int(counts.read_text()) if counts.is_file() else _STEPS
    done = buildtree.count_made(tree.directory)

    def on_line(line: str) -> None:
        nonlocal done
        if (made := parse_step(line)) is not None:
            done += 1
            order.report(Progress(what=order.what, done=min(done, total), total=total, detail=made))

    targets = [Path(order.arch.kernel_image).name, "modules"]
    with caching.out_of_space_named(tree.directory, f"building {order.what}"):
        buildtree.run_make(tree, targets, on_line=on_line)
        caching.write_atomically(counts, str(buildtree.count_made(tree.directory)))
    order.report(Progress(what=order.what, done=total, total=total, finished=True))


def _collect(order: _Order, tree: BuildTree, directory: Path) -> Facts:
    """Copy what a run needs out of an O= tree, and return what is worth knowing about it."""
    image = directory / Path(order.arch.kernel_image).name
    shutil.copyfile(tree.directory / order.arch.kernel_image, image)
    shutil.copyfile(tree.directory / "vmlinux", directory / "vmlinux")
    shutil.copyfile(tree.directory / ".config", directory / "config")
    (directory / "modules").mkdir()
    for line in (tree.directory / "modules.order").read_text().splitlines():
        built = (tree.directory / line).with_suffix(".ko")
        shutil.copyfile(built, directory / "modules" / built.name)
    modules = describe_modules((directory / "modules").iterdir())
    sums = [caching.hash_file(path) for path in (image, *(module.path for module in modules.values()))]
    return {
        "release": (tree.directory / "include/config/kernel.release").read_text().strip(),
        "image": image.name,
        "modules": {name: [module.path.name, *module.depends] for name, module in modules.items()},
        "contents": caching.hash_text(order.arch.name, *sums),
        "source": order.source.identity or str(order.source.directory),
    }


def _load(order: _Order, entry: Path, facts: Facts) -> Kernel:
    modules = {
        name: Module(name=name, path=entry / "modules" / file, depends=tuple(depends))
        for name, (file, *depends) in facts["modules"].items()
    }
    tree = order.tree().directory
    return Kernel(
        arch=order.arch,
        release=facts["release"],
        image=entry / facts["image"],
        modules=modules,
        vmlinux=entry / "vmlinux",
        config=entry / "config",
        source_dir=order.source.directory,
        build_dir=tree if tree.is_dir() else None,
        source=order.source.name,
        profile=order.profile,
        key=facts["contents"],
    )
