"""Rows of kernels."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rustbed.bisect.candidates import list_row
from rustbed.errors import UsageError
from rustbed.kernel.debian import KernelPackage

# newest first, as `list_packages` returns them; a rebuild of 7.2.9 is the same kernel
PACKAGES = tuple(
    KernelPackage(name="linux-source", version=version)
    for version in ("7.3.4-1~bpo13+1", "7.2.9-2~bpo13+1", "7.2.9-1~bpo13+1", "7.2.6-1~bpo13+1", "6.12.107-1")
)


def row(good: str, bad: str) -> tuple[str, ...]:
    return list_row(good, bad, lambda kind: PACKAGES)


def test_debians_kernels_are_in_order_and_each_once() -> None:
    assert row("debian:6.12", "debian:7.3") == (
        "debian:6.12.107",
        "debian:7.2.6",
        "debian:7.2.9",
        "debian:7.3.4",
    )


def test_kernels_as_debian_built_them_are_a_row_of_their_own() -> None:
    assert row("debian-image:7.2.9", "debian-image:7.3.4") == ("debian-image:7.2.9", "debian-image:7.3.4")
    with pytest.raises(UsageError, match="not two kernels of one series"):
        row("debian:7.2.9", "debian-image:7.3.4")


def test_a_version_that_is_not_whole_means_the_newest() -> None:
    assert row("debian:7.2", "debian:7.3") == ("debian:7.2.9", "debian:7.3.4")
    assert row("debian:6.12", "debian:7.2") == ("debian:6.12.107", "debian:7.2.6", "debian:7.2.9")


def test_built_kernels_beside_each_other_are_ordered_by_version(tmp_path: Path) -> None:
    for name in ("linux-7.10", "linux-7.9", "linux-7.9.2", ".hidden", "linux-6.12"):
        (tmp_path / name).mkdir()
    (tmp_path / "linux-7.8").write_text("no directory")
    found = row(f"built:{tmp_path}/linux-7.9", f"built:{tmp_path}/linux-7.10/")
    assert [kernel.rpartition("/")[2] for kernel in found] == ["linux-7.9", "linux-7.9.2", "linux-7.10"]
    assert all(kernel.startswith(f"built:{tmp_path}/") for kernel in found)


def make_tree(directory: Path) -> list[str]:
    """Make a repository with a line of four commits and one beside it; return the line."""

    def git(*words: str) -> str:
        argv = ["git", "-C", str(directory), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q", "-b", "main")
    commits = []
    for number in range(4):
        git("commit", "-q", "--allow-empty", "-m", str(number))
        commits.append(git("rev-parse", "HEAD"))
    git("checkout", "-q", "-b", "beside", commits[0])
    git("commit", "-q", "--allow-empty", "-m", "beside")
    return commits


def test_commits_of_a_tree_are_in_order(tmp_path: Path) -> None:
    commits = make_tree(tmp_path)
    found = row(f"tree:{tmp_path}@{commits[0][:10]}", f"tree:{tmp_path}@main")
    assert found == tuple(f"tree:{tmp_path}@{commit}" for commit in commits)


def test_commits_on_different_branches_are_no_row(tmp_path: Path) -> None:
    make_tree(tmp_path)
    with pytest.raises(UsageError, match="not an ancestor"):
        row(f"tree:{tmp_path}@beside", f"tree:{tmp_path}@main")


def test_unknown_commit_is_named(tmp_path: Path) -> None:
    make_tree(tmp_path)
    with pytest.raises(UsageError, match=f"{tmp_path} has no commit nowhere"):
        row(f"tree:{tmp_path}@main", f"tree:{tmp_path}@nowhere")


@pytest.mark.parametrize("name", ["", "missing"])
def test_tree_that_is_not_a_repository_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # one above the temporary directory is not searched
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match=f"{tmp_path / name} is not a git repository"):
        row(f"tree:{tmp_path / name}@a", f"tree:{tmp_path / name}@b")


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("debian:7.3", "debian:7.2", "does not come before"),
        ("debian:7.3", "debian:7.3", "does not come before"),
        ("debian:5.10", "debian:7.3", "debian:5.10 does not exist"),
        ("debian:7.2", "built:/x/y", "not two kernels of one series"),
        ("tarball:/x/a.tar.xz", "tarball:/x/b.tar.xz", "not two kernels of one series"),
        ("built:/x/a", "built:/y/b", "not in one directory"),
        ("built:/nonexistent/a", "built:/nonexistent/b", "no directory"),
        ("tree:/x", "tree:/x@main", "names no commit"),
        ("tree:/x@a", "tree:/y@a", "different trees"),
        ("nonsense", "debian:7.3", "unknown kernel source"),
    ],
)
def test_what_is_no_row_is_refused(good: str, bad: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        row(good, bad)
