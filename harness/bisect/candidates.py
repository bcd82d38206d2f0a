"""Rows of kernels to bisect: Debian's versions, built kernels beside each other, commits of a tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from rustbed import process
from rustbed.errors import UsageError
from rustbed.kernel.debian import KernelPackage
from rustbed.kernel.source import SourceKind, parse_source
from rustbed.process import ProgramError
from rustbed.toolroot.toolchain import version_key

# as `tree:PATH@COMMIT`
_COMMIT = "@"


def list_row(
    good: str, bad: str, packages: Callable[[SourceKind], Sequence[KernelPackage]]
) -> tuple[str, ...]:
    """Return the kernels from `good` to `bad`, both included, as --kernel names them.

    Both are of one kind: `debian:VERSION` or `debian-image:VERSION` (`packages` lists what there is),
    `built:DIRECTORY` in one directory, or `tree:PATH@COMMIT` of one tree. Raises UsageError.
    """
    kinds = {parse_source(kernel).kind for kernel in (good, bad)}
    match tuple(kinds):
        case (SourceKind.DEBIAN | SourceKind.DEBIAN_IMAGE as kind,):
            return _between(debian_row(kind, packages(kind)), good, bad)
        case (SourceKind.BUILT,):
            return _between(_built_row(good, bad), good, bad)
        case (SourceKind.TREE,):
            return _commit_row(good, bad)
    raise UsageError(
        f"{good} and {bad} are not two kernels of one series",
        wanted="debian:X and debian:Y, debian-image:X and debian-image:Y, built:DIR/X and built:DIR/Y,"
        " or tree:PATH@X and tree:PATH@Y",
    )


def debian_row(kind: SourceKind, packages: Sequence[KernelPackage]) -> tuple[str, ...]:
    """Return Debian's kernels, oldest first, each version once."""
    versions = dict.fromkeys(package.upstream for package in reversed(packages))
    return tuple(f"{kind}:{version}" for version in versions)


def _built_row(good: str, bad: str) -> tuple[str, ...]:
    """Return the kernels in the directory of both, ordered by version."""
    directories = [parse_source(kernel).path for kernel in (good, bad)]
    parent = directories[0].parent
    if parent != directories[1].parent:
        raise UsageError(f"{good} and {bad} are not in one directory")
    if not parent.is_dir():
        raise UsageError(f"there is no directory {parent}")
    spelled = good.rpartition("/")[0]
    names = sorted(
        (path.name for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")),
        key=lambda name: (version_key(re.sub(r"^[^\d]*", "", name)), name),
    )
    return tuple(f"{spelled}/{name}" if spelled else f"{SourceKind.BUILT}:{name}" for name in names)


def _between(row: Sequence[str], good: str, bad: str) -> tuple[str, ...]:
    ends = []
    for kernel in (good, bad):
        name = kernel.rstrip("/")
        # debian:7.2 means the newest 7.2.*
        found = [name] if name in row else [each for each in row if each.startswith(f"{name}.")]
        if not found:
            raise UsageError(f"{kernel} does not exist", known=", ".join(row) or "nothing is")
        ends.append(row.index(found[-1]))
    first, last = ends
    if first >= last:
        raise UsageError(f"{good} does not come before {bad}", row=", ".join(row))
    return tuple(row[first : last + 1])


def split_commit(kernel: str) -> tuple[Path, str]:
    """Return tree and commit of `tree:PATH@COMMIT`; UsageError if there is no commit."""
    where, at, commit = parse_source(kernel).where.rpartition(_COMMIT)
    if not at or not where or not commit:
        raise UsageError(f"{kernel} names no commit", wanted="tree:PATH@COMMIT")
    return Path(where).expanduser().absolute(), commit


def _commit_row(good: str, bad: str) -> tuple[str, ...]:
    (tree, first), (other, last) = split_commit(good), split_commit(bad)
    if tree != other:
        raise UsageError(f"{good} and {bad} are of different trees")
    _require_repository(tree)
    known = [_require_commit(tree, commit) for commit in (first, last)]
    between = _git(tree, "rev-list", "--reverse", "--first-parent", f"{known[0]}..{known[1]}").split()
    if not between or _git(tree, "merge-base", *known) != known[0]:
        raise UsageError(f"{first} is not an ancestor of {last} in {tree}")
    return tuple(f"tree:{tree}{_COMMIT}{commit}" for commit in (known[0], *between))


def _require_repository(tree: Path) -> None:
    try:
        _git(tree, "rev-parse", "--git-dir")
    except ProgramError as error:
        raise UsageError(f"{tree} is not a git repository", wanted="tree:PATH@COMMIT") from error


def _require_commit(tree: Path, commit: str) -> str:
    """Return the hash of a commit. Raises UsageError if the repository does not have it."""
    try:
        return _git(tree, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    except ProgramError as error:
        raise UsageError(f"{tree} has no commit {commit}") from error


def check_out(kernel: str, work: Path) -> str:
    """Return a kernel as --kernel takes it; a commit is checked out into the working tree `work`."""
    if parse_source(kernel).kind is not SourceKind.TREE:
        return kernel
    tree, commit = split_commit(kernel)
    if (work / ".git").exists():
        _git(work, "checkout", "--quiet", "--detach", "--force", commit)
    else:
        _git(tree, "worktree", "add", "--quiet", "--detach", "--force", str(work), commit)
    return f"{SourceKind.TREE}:{work}"


def remove_worktree(kernel: str, work: Path) -> None:
    """Remove the working tree that commits were checked out into, if `kernel` is a commit."""
    if (work / ".git").exists():
        _git(split_commit(kernel)[0], "worktree", "remove", "--force", str(work))


def describe_commit(kernel: str) -> str | None:
    """Return a commit's name, date, author and subject in a line; None if `kernel` is not a commit."""
    if parse_source(kernel).kind is not SourceKind.TREE:
        return None
    tree, commit = split_commit(kernel)
    return _git(tree, "log", "-1", "--format=%h %as %an: %s", commit)


def _git(tree: Path, *words: str) -> str:
    """Run git on a tree and return what it says. Raises HostError."""
    program = process.require_program("git")
    attempted = f"git {words[0]} in {tree}"
    return process.run([program, "-C", str(tree), *words], attempted=attempted, timeout_s=600).text.strip()
