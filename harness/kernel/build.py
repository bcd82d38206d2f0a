"""From a source and fragments to a Kernel, through the cache.

A kernel is looked up by everything that determines it: the source, the
requested options, the compilers, the architecture. A cached kernel is verified
by checksum; a missing or damaged one is built in its O= tree, which
stays in the cache, so that little is compiled twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rustbed import cache as caching
from rustbed.arch import Arch
from rustbed.cache import Cache, Facts
from rustbed.errors import BuildError, ConfigError, UsageError
from rustbed.kernel import buildtree, collect, kconfig, siblings, treescan
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.buildtree import BuildTree, TreeState
from rustbed.kernel.builtkernel import load_built
from rustbed.kernel.debianimage import fetch_image
from rustbed.kernel.impact import forget_objects, touches_modules_only
from rustbed.kernel.kconfig import Option
from rustbed.kernel.make import parse_step
from rustbed.kernel.source import Source, SourceKind, parse_source, resolve_source
from rustbed.kernel.treescan import TreeScan
from rustbed.progress import Progress, Report
from rustbed.toolroot.toolchain import Toolchain

# incremented when the same inputs shall give another kernel
RECIPE = "1"
# GiB: an O= tree with debug information
_SPACE_GIB = 2.0
# estimated steps of a first build, from x86_64 with the default profile
_STEPS = 1_800
# how often a build is repeated because the tree was edited meanwhile
_PATIENCE = 3
# number of kernels that are kept of one edited tree, the newest ones
_KEPT = 8


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request for one kernel."""

    source: Source
    arch: Arch
    profile: str
    options: tuple[Option, ...]
    toolchain: Toolchain
    cache: Cache
    report: Report

    @property
    def what(self) -> str:
        """Its name in progress lines."""
        return f"kernel {'.'.join(map(str, self.source.version))} {self.arch} {self.profile}"

    def key(self, *contents: str) -> str:
        """Return the key of a kernel made from these source contents."""
        arch = (self.arch.kernel_arch, self.arch.kernel_image, *self.arch.make_settings)
        return caching.hash_text(
            RECIPE, *contents, *arch, kconfig.render_options(self.options), self.toolchain.identity
        )

    def tree(self) -> BuildTree:
        """Return the O= tree, which stays the same when the source is edited."""
        place = self.source.identity or str(self.source.directory)
        key = self.key("tree", place)
        return BuildTree(
            directory=self.cache.path(siblings.KIND, key),
            family=caching.hash_text(place, self.arch.name, self.profile, self.toolchain.identity),
            source=self.source,
            arch=self.arch,
            toolchain=self.toolchain,
            options=self.options,
            log=self.cache.root / "logs" / f"kernel-{self.arch}-{self.profile}-{key}.log",
        )

    def tell(self, detail: str) -> None:
        """Report a step of unknown length."""
        self.report(Progress(what=self.what, detail=detail))


class _EditedError(Exception):
    """The source tree changed while it was being built."""


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
    with_tree: bool = False,
) -> Kernel:
    """Return the kernel that `source` ("debian:latest", "tree:PATH" ...) means for an architecture.

    Takes milliseconds when it is in the cache, seconds after an edit, and
    minutes otherwise. `refresh` looks up again what a moving name means. A
    kernel can outlive its build tree; `with_tree` makes the tree again, for
    building modules in it.
    Raises UsageError, HostError, and KernelError with its kinds.
    """
    spec = parse_source(source)
    if spec.kind.compiled:
        if extra_fragments:
            raise UsageError(f"{spec} is built already: it takes no kconfig fragments")
        if spec.kind is SourceKind.DEBIAN_IMAGE:
            return fetch_image(spec, arch, toolchain=toolchain, cache=cache, report=report, refresh=refresh)
        return load_built(spec.path, arch, str(spec))
    options = kconfig.load_fragments(kconfig.fragment_paths(arch, profile, extra_fragments))
    resolved = resolve_source(spec, toolchain=toolchain, cache=cache, report=report, refresh=refresh)
    order = Order(
        source=resolved,
        arch=arch,
        profile=profile,
        options=kconfig.merge_options(options, resolved.version),
        toolchain=toolchain,
        cache=cache,
        report=report,
    )
    for _ in range(_PATIENCE):
        try:
            scan = _scan(order) if resolved.editable else None
            return _build(order, scan, with_tree=with_tree)
        except _EditedError:
            order.tell("the tree was edited meanwhile: building again")
    raise BuildError(f"{spec} keeps being edited: its kernel was never up to date")


def _scan(order: Order) -> TreeScan:
    """Scan the source, and save the scan for the next time."""
    directory = order.source.directory
    kept = order.cache.root / "resolved" / f"scan-{caching.hash_text(str(directory))}"
    scan = treescan.scan_tree(directory, treescan.load_scan(kept))
    treescan.save_scan(scan, kept)
    return scan


def has_tree(kernel: Kernel) -> bool:
    """Whether a kernel that was built here still has a complete build tree."""
    return kernel.build_dir is not None and buildtree.read_state(kernel.build_dir).complete


def _build(order: Order, scan: TreeScan | None, *, with_tree: bool) -> Kernel:
    tree = order.tree()
    key = order.key("kernel", scan.digest if scan else order.source.identity)

    def fill(directory: Path) -> Facts:
        with _updated(order, tree, scan) as state:
            facts = collect.collect(tree, directory, collect.find_collected(order.cache, state))
            _note_entry(order, tree, state, key)
            return facts

    facts = order.cache.publish(
        collect.KIND,
        key,
        fill,
        check=collect.checked_files(order.cache, key),
        on_wait=lambda: order.tell("another process is building it"),
    )
    if with_tree and not buildtree.read_state(tree.directory).complete:
        with _updated(order, tree, scan) as state:
            _note_entry(order, tree, state, key)
    buildtree.mark_used(tree.directory)
    return collect.load_kernel(tree, order.profile, order.cache.path(collect.KIND, key), facts)


@contextmanager
def _updated(order: Order, tree: BuildTree, scan: TreeScan | None) -> Iterator[TreeState]:
    """Bring a tree up to date and hold its lock; yield its earlier state."""
    with order.cache.lock(siblings.lock_name(tree.directory), lambda: order.tell("waiting for its tree")):
        state = buildtree.read_state(tree.directory)
        _compile(order, tree, scan, state)
        if scan:
            if _scan(order).digest != scan.digest:
                raise _EditedError
            treescan.save_scan(scan, buildtree.scan_path(tree))
        yield state
        siblings.remove_old_siblings(tree, order.cache)


def _note_entry(order: Order, tree: BuildTree, state: TreeState, key: str) -> None:
    """Note the new entry in its tree, and remove the oldest kernels of an edited source."""
    stamps = {name: collect.stamp(path) for name, path in collect.list_products(tree).items()}
    entries = (*(entry for entry in state.entries if entry != key), key)
    buildtree.write_state(tree.directory, TreeState(complete=True, entries=entries[-_KEPT:], stamps=stamps))
    for old in entries[:-_KEPT]:
        caching.remove_tree(order.cache.path(collect.KIND, old))


def _compile(order: Order, tree: BuildTree, scan: TreeScan | None, state: TreeState) -> None:
    """Bring a tree up to date, continuing an interrupted build."""
    fresh = buildtree.is_fresh(tree)
    buildtree.require_versions(order.toolchain, order.source, order.arch)
    caching.require_space(tree.directory, _SPACE_GIB, f"building {order.what}")
    copied = fresh and siblings.start_from_sibling(tree, order.cache)
    if scan is not None:
        _forget_stale(tree, scan)
        treescan.save_scan(scan, buildtree.tried_path(tree))
    if fresh or state.complete:
        # the log of an unfinished build is kept, because it shows its progress
        tree.log.unlink(missing_ok=True)
    targets = _choose_targets(tree, scan, state)
    buildtree.write_state(tree.directory, replace(state, complete=False, failed=False))
    try:
        _make(order, tree, scan, targets, partial=state.complete or copied)
    except ConfigError:
        if fresh:
            caching.remove_tree(tree.directory)
        raise
    except BuildError:
        if order.source.editable:
            # a build error in a module does not change the kernel
            left = state if targets == ["modules"] else replace(state, complete=False)
            buildtree.write_state(tree.directory, left)
            raise
        if state.failed or (fresh and not copied):
            buildtree.write_state(tree.directory, replace(state, complete=False, failed=True))
            raise
        # the source is unchanged and may have compiled before, so the build tree may be broken
        order.tell("the build tree is damaged: starting over")
        caching.remove_tree(tree.directory)
        tree.directory.mkdir(parents=True)
        tree.log.unlink(missing_ok=True)
        _make(order, tree, scan, targets, partial=False)


def _forget_stale(tree: BuildTree, scan: TreeScan) -> None:
    """Remove the objects of changed files that are not newer: restored, or copied with their times."""
    looks = [treescan.load_scan(path) for path in (buildtree.scan_path(tree), buildtree.tried_path(tree))]
    changed = {path for look in looks if look for path in treescan.find_changes(look, scan)}
    made_at = tree.log.stat().st_mtime if tree.log.is_file() else float("inf")
    old = [path for path in sorted(changed) if _modified(tree.source.directory / path) <= made_at]
    forget_objects(tree.directory, tree.toolchain.seen(tree.source.directory, "/src"), old)


def _modified(path: Path) -> float:
    """Return the modification time of a file; make reports a missing one."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")


def _make(
    order: Order, tree: BuildTree, scan: TreeScan | None, targets: Sequence[str], *, partial: bool
) -> None:
    """Run make; `partial` says that most of the tree is made already."""
    counts = order.cache.root / "resolved" / f"steps-{order.arch}-{order.profile}"
    recorded = counts.read_text() if counts.is_file() else ""
    total = int(recorded) if recorded.isdecimal() else _STEPS
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if (made := parse_step(line)) is not None:
            done += 1
            # it is unknown how many steps an edit or an option needs
            shown = (0, 0) if partial else (min(done, total), total)
            order.report(Progress(what=order.what, done=shown[0], total=shown[1], detail=made))

    with caching.out_of_space_named(tree.directory, f"building {order.what}"):
        order.tell("configuring")
        buildtree.configure(tree, scan.kconfig_digest if scan else "")
        # the log has the steps of an unfinished build, and those of the configuration
        done = buildtree.count_steps(tree)
        buildtree.run_make(tree, targets, on_line=on_line)
    if not partial:
        caching.write_atomically(counts, str(done))
    order.report(Progress(what=order.what, done=total, total=total, finished=True))


def _choose_targets(tree: BuildTree, scan: TreeScan | None, state: TreeState) -> list[str]:
    """Return make's targets: only the modules if all edited files belong to modules, else all."""
    image = Path(tree.arch.kernel_image).name
    before = treescan.load_scan(buildtree.scan_path(tree))
    if scan is None or before is None or not state.complete:
        return [image, "modules"]
    # such a kernel depends on the symbols that modules use
    trimmed = "CONFIG_TRIM_UNUSED_KSYMS=y" in (tree.directory / ".config").read_text()
    seen = tree.toolchain.seen(tree.source.directory, "/src")
    changed = treescan.find_changes(before, scan)
    alone = not trimmed and touches_modules_only(tree.directory, seen, changed)
    return ["modules"] if alone else [image, "modules"]
