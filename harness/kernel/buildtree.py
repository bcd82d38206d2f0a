"""The O= tree of one kernel: configures it, runs make in it, reports errors.

A tree lives as long as the cache: an interrupted build continues,
and after an edit only dependent files are rebuilt. The caller holds the
tree's lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.arch import Arch
from rustbed.errors import BuildError, ConfigError, HostError, suggest
from rustbed.kernel import kconfig, kconfig_tree, make
from rustbed.kernel.kconfig import Lost, Option
from rustbed.kernel.source import Source
from rustbed.toolroot.toolchain import TREE_NAMES, Toolchain, find_shortcomings

# the source's own script for the minimum versions of tools
_MINIMUMS = Path("scripts/min-tool-version.sh")
# our own files in the tree
_NOTES = Path(".rustbed")
_FRAGMENT = _NOTES / "fragment.config"
_CONFIGURED = _NOTES / "configured"
# whether the last make finished, and facts that the caller needs next time
_STATE = _NOTES / "state.json"
# the same in trees that differ only in their options
_FAMILY = _NOTES / "family"


@dataclass(frozen=True, kw_only=True)
class BuildTree:
    """An O= directory, with everything that make needs."""

    directory: Path
    source: Source
    arch: Arch
    toolchain: Toolchain
    options: tuple[Option, ...]
    # the same in trees that differ only in their options
    family: str
    # the output of the last make
    log: Path
    # whether make only reads the directory, as it does for out-of-tree modules
    only_read: bool = False

    @property
    def seen(self) -> str:
        """The directory's path for make."""
        return self.toolchain.seen(self.directory, "/build")

    def command(
        self, targets: Sequence[str], *, settings: Sequence[str] = (), binds: Sequence[tuple[Path, str]] = ()
    ) -> list[str]:
        """Return the argv that makes `targets` in this tree."""
        argv = make.render_make(
            targets,
            arch=self.arch,
            source=self.toolchain.seen(self.source.directory, "/src"),
            build=self.seen,
            jobs=os.cpu_count() or 1,
            settings=settings,
        )
        own = [(self.directory, "/build")]
        written, read = ([], own) if self.only_read else (own, [])
        return self.toolchain.command(
            argv,
            binds=[*written, *binds],
            read_only=[*read, (self.source.directory, "/src")],
            cwd=self.seen,
            env=make.ENV,
        )


def require_versions(toolchain: Toolchain, source: Source, arch: Arch) -> None:
    """Raise HostError unless the toolchain is new enough for a source tree, by the tree's own script."""
    if not (source.directory / _MINIMUMS).is_file():
        return
    script = f"{toolchain.seen(source.directory, '/src')}/{_MINIMUMS}"
    asked = sorted(set(TREE_NAMES.values()))
    command = toolchain.command(
        ["sh", "-c", f"for tool in {' '.join(asked)}; do sh '{script}' $tool || echo; done"],
        read_only=[(source.directory, "/src")],
        env={"SRCARCH": arch.source_arch, "ARCH": arch.kernel_arch},
    )
    answer = process.run(command, attempted=f"asking {source.name} for its tools")
    theirs = dict(zip(asked, answer.text.split("\n"), strict=False))
    minimums = {ours: theirs[name] for ours, name in TREE_NAMES.items() if theirs.get(name)}
    if wrong := find_shortcomings(dict(toolchain.versions), minimums):
        raise HostError(
            f"the toolchain cannot build {source.name} for {arch}",
            **dict(wrong),
        )


def is_fresh(tree: BuildTree) -> bool:
    """Say whether nothing was built in the tree yet."""
    return not (tree.directory / _NOTES).is_dir()


def read_family(directory: Path) -> str | None:
    """Return the family of a tree, None if it has none yet."""
    try:
        return (directory / _FAMILY).read_text()
    except OSError:
        return None


@dataclass(frozen=True, kw_only=True)
class TreeState:
    """The saved state of a tree."""

    # whether make has finished since the tree was changed
    complete: bool = False
    # whether a build from scratch failed, so that starting over would not help
    failed: bool = False
    # keys of cache entries that were made from the tree, the newest last
    entries: tuple[str, ...] = ()
    # [mtime in ns, size] of each product when the newest entry was made, by its name in the entry
    stamps: dict[str, list[int]] = field(default_factory=dict)


def read_state(directory: Path) -> TreeState:
    """Return the state of a tree; an empty one for a new or damaged tree."""
    try:
        facts = json.loads((directory / _STATE).read_text())
        return TreeState(
            complete=facts["complete"] is True,
            failed=facts["failed"] is True,
            entries=tuple(facts["entries"]),
            stamps=dict(facts["stamps"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return TreeState()


def write_state(directory: Path, state: TreeState) -> None:
    """Save the state of a tree."""
    caching.write_atomically(directory / _STATE, json.dumps(asdict(state)))


def scan_path(tree: BuildTree) -> Path:
    """Return the path for the scan of the source from which a complete tree was made."""
    return tree.directory / _NOTES / "scan"


def tried_path(tree: BuildTree) -> Path:
    """Return the path for the scan of the source with which make was last started."""
    return tree.directory / _NOTES / "tried"


def used_at(directory: Path) -> float:
    """Return when a tree was last used, in seconds since the epoch."""
    try:
        return (directory / _STATE).stat().st_mtime
    except OSError:
        return 0.0


def mark_used(directory: Path) -> None:
    """Note that a tree is used now."""
    with contextlib.suppress(OSError):
        os.utime(directory / _STATE)


def count_steps(tree: BuildTree) -> int:
    """Return the number of steps in the log."""
    if not tree.log.is_file():
        return 0
    with tree.log.open(errors="replace") as lines:
        return sum(make.parse_step(line.rstrip("\n")) is not None for line in lines)


def configure(tree: BuildTree, kconfig_state: str) -> None:
    """Update .config to the wanted options. Raises ConfigError, which names the options that Kconfig dropped.

    `kconfig_state` is compared with that of the last time: if they are equal,
    the tree's Kconfig files did not change.
    """
    text = kconfig.render_options(tree.options)
    state = caching.hash_text(text, kconfig_state)
    note = tree.directory / _CONFIGURED
    caching.write_atomically(tree.directory / _FAMILY, tree.family)
    if note.is_file() and note.read_text() == state and not _find_lost(tree):
        return
    note.unlink(missing_ok=True)
    (tree.directory / _FRAGMENT).write_text(text)
    run_make(tree, ["allnoconfig"], settings=[f"KCONFIG_ALLCONFIG={tree.seen}/{_FRAGMENT}"])
    if lost := _find_lost(tree):
        raise _config_error(tree, lost)
    note.write_text(state)


def _find_lost(tree: BuildTree) -> tuple[Lost, ...]:
    try:
        text = (tree.directory / ".config").read_text()
    except OSError:
        text = ""
    return kconfig.find_lost(tree.options, kconfig.parse_config(text))


def _config_error(tree: BuildTree, lost: Sequence[Lost]) -> ConfigError:
    config = kconfig.parse_config((tree.directory / ".config").read_text())
    definitions = kconfig_tree.load_definitions(tree.source.directory, tree.arch.source_arch)
    lines = [
        f"{item.option}  ({item.option.file.name}:{item.option.line})  "
        + kconfig_tree.explain_lost(item, definitions, config)
        for item in lost
    ]
    rust = None
    if any(item.option.name == "RUST" for item in lost):
        answer = process.run(tree.command(["rustavailable"]), attempted="asking for Rust", check=False)
        rust = (answer.stderr or answer.stdout).decode(errors="replace").strip()
    return ConfigError(
        f"{tree.source.name} for {tree.arch}: Kconfig dropped {len(lost)} of {len(tree.options)} options",
        dropped="\n".join(lines),
        files=", ".join(dict.fromkeys(str(item.option.file) for item in lost)),
        rustavailable=rust,
    )


def run_make(
    tree: BuildTree,
    targets: Sequence[str],
    *,
    settings: Sequence[str] = (),
    binds: Sequence[tuple[Path, str]] = (),
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run make. Raises BuildError, which shows the first error and the path of the log."""
    command = tree.command(targets, settings=settings, binds=binds)
    tree.log.parent.mkdir(parents=True, exist_ok=True)
    start = tree.log.stat().st_size if tree.log.exists() else 0
    status = process.run_logged(command, log=tree.log, on_line=on_line)
    if status == 0:
        return
    with tree.log.open("rb") as stream:
        stream.seek(start)
        text = stream.read().decode(errors="replace")
    if make.ran_out_of_space(text):
        raise HostError(
            f"building {tree.source.name} for {tree.arch}: no space left for {tree.directory}",
            fix=f"{suggest('clean')}, or set RUSTBED_CACHE to a larger disk",
            log=tree.log,
        )
    raise BuildError(
        f"{tree.source.name} for {tree.arch}: make {' '.join(targets)} ended with status {status}",
        first_error=make.find_first_error(text),
        log=tree.log,
        repeat=shlex.join(command),
    )
