"""A toolchain: the compilers, and how to call them.

Programs run either inside a toolroot, a private Debian root that bubblewrap
makes the root directory, or directly on the host. Callers use the paths that programs
in a toolroot see ("/src", "/build"), so that builds in a
toolroot do not depend on the path of the cache.

Does not know how a toolroot is made, and knows nothing of kernels.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.errors import HostError

# a directory of the host, and its path for programs in a toolroot
Bind = tuple[Path, str]

# variables that programs inherit; others (ARCH, KCFLAGS, MAKEFLAGS ...) would change builds
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_HOST_PASSES = ("PATH", "HOME", "TMPDIR", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME")
_ENV = {"LC_ALL": "C.UTF-8"}
_TMP = "/tmp"  # noqa: S108, inside the root
_ROOT_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": _TMP}


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A set of compilers and the tools around them."""

    # the unpacked Debian root; None for the host's own programs
    root: Path | None
    # program or package to version, sorted by name
    versions: tuple[tuple[str, str], ...] = field(repr=False)
    # toolchains with the same identity compile the same source to the same bytes
    identity: str

    def version(self, name: str) -> str | None:
        """Return the version of a program ("rustc", "clang" ...), or None if unknown."""
        return dict(self.versions).get(name)

    def seen(self, host: Path, inside: str) -> str:
        """Return the path for programs of a directory that is bound as `(host, inside)`."""
        return inside if self.root else str(host)

    def command(
        self,
        argv: Sequence[str],
        *,
        binds: Sequence[Bind] = (),
        read_only: Sequence[Bind] = (),
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        network: bool = False,
    ) -> list[str]:
        """Return the argv that runs `argv` with this toolchain.

        `binds` and `read_only` are the directories of the host that programs in a toolroot
        see, for example as "/src" and "/build", or anywhere below
        /tmp. `cwd` and paths in `argv` are those of `seen`. The environment is
        `env` and little else. The toolroot itself is read-only.
        """
        if self.root is None:
            passed = {name: os.environ[name] for name in (*_HOST_PASSES, *_PROXIES) if name in os.environ}
            settings = [f"{name}={value}" for name, value in {**passed, **_ENV, **(env or {})}.items()]
            return ["env", "-i", f"--chdir={cwd}", *settings, *argv]
        shared = ("/etc/resolv.conf", "/etc/hosts") if network else ()
        passed = {name: os.environ[name] for name in _PROXIES if network and name in os.environ}
        settings = [
            part
            for name, value in {**passed, **_ROOT_ENV, **_ENV, **(env or {})}.items()
            for part in ("--setenv", name, value)
        ]
        return [
            *("bwrap", "--ro-bind", str(self.root), "/"),
            *("--dev", "/dev", "--proc", "/proc", "--tmpfs", _TMP),
            *("--die-with-parent", "--unshare-pid", "--clearenv"),
            *(() if network else ("--unshare-net",)),
            *(part for path in shared for part in ("--ro-bind-try", str(Path(path).resolve()), path)),
            *(part for host, inside in binds for part in ("--bind", str(host), inside)),
            *(part for host, inside in read_only for part in ("--ro-bind", str(host), inside)),
            *settings,
            *("--chdir", cwd),
            *argv,
        ]


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A program that a kernel build calls."""

    name: str
    # command that prints its version
    argv: tuple[str, ...]
    # Debian package that has it
    package: str
    # minimum version, "" for any
    minimum: str = ""


# minimum versions: Documentation/process/changes.rst and scripts/min-tool-version.sh of Linux 7.3
REQUIREMENTS = (
    Requirement(name="rustc", argv=("rustc", "--version"), package="rustc rust-src", minimum="1.85.0"),
    Requirement(name="bindgen", argv=("bindgen", "--version"), package="bindgen", minimum="0.71.1"),
    Requirement(name="clang", argv=("clang", "--version"), package="clang", minimum="17.0.1"),
    Requirement(name="ld.lld", argv=("ld.lld", "--version"), package="lld", minimum="17.0.1"),
    Requirement(name="llvm-objcopy", argv=("llvm-objcopy", "--version"), package="llvm", minimum="17.0.1"),
    Requirement(name="make", argv=("make", "--version"), package="make", minimum="4.0"),
    Requirement(name="flex", argv=("flex", "--version"), package="flex", minimum="2.5.35"),
    Requirement(name="bison", argv=("bison", "--version"), package="bison", minimum="2.0"),
    Requirement(name="bc", argv=("bc", "--version"), package="bc", minimum="1.06.95"),
    Requirement(name="zstd", argv=("zstd", "--version"), package="zstd"),
    Requirement(name="xz", argv=("xz", "--version"), package="xz-utils"),
    Requirement(name="rsync", argv=("rsync", "--version"), package="rsync"),
    Requirement(name="python3", argv=("python3", "--version"), package="python3"),
)
# names of our requirements in scripts/min-tool-version.sh
TREE_NAMES = {
    "rustc": "rustc",
    "bindgen": "bindgen",
    "clang": "llvm",
    "ld.lld": "llvm",
    "llvm-objcopy": "llvm",
}
# programs that determine the bytes of a kernel
_DECISIVE = ("rustc", "bindgen", "clang", "ld.lld", "llvm-objcopy")


def parse_version(text: str) -> str | None:
    """Return the first version number in the first lines of a program's `--version`, or None."""
    found = re.search(r"(?<![\w.])v?(\d+(?:\.\d+)+)", text[:400])
    return found[1] if found else None


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as comparable numbers: "1.85.0-nightly" is (1, 85, 0)."""
    found = re.match(r"[\d.]+", version)
    return tuple(int(part) for part in found[0].split(".") if part) if found else ()


def find_shortcomings(
    versions: Mapping[str, str | None], minimums: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return every program that is missing (None) or too old, with a description of the problem."""
    wrong = []
    for name, minimum in minimums.items():
        have = versions.get(name)
        if have is None:
            wrong.append((name, f"missing, {minimum} or newer needed" if minimum else "missing"))
        elif minimum and version_key(have) < version_key(minimum):
            wrong.append((name, f"{have} is too old, {minimum} or newer needed"))
    return tuple(wrong)


def identity_of(versions: Mapping[str, str]) -> str:
    """Return a key of the programs that determine a kernel's bytes."""
    return caching.hash_text(*(f"{name} {versions.get(name, '')}" for name in _DECISIVE))


def probe_versions() -> dict[str, str | None]:
    """Ask the host's programs for their versions; None for programs that are missing or do not run."""
    return {requirement.name: _probe(requirement) for requirement in REQUIREMENTS}


def _probe(requirement: Requirement) -> str | None:
    try:
        attempted = f"asking {requirement.name} for its version"
        answer = process.run(requirement.argv, attempted=attempted, timeout_s=30, check=False)
    except HostError:
        return None
    return parse_version(answer.text) if answer.status == 0 else None


def host_toolchain(minimums: Mapping[str, str] | None = None) -> Toolchain:
    """Return the host's own toolchain. Raises HostError, which lists everything that is missing or too old.

    `minimums` replaces the minimum versions of some programs, for kernels
    with other requirements than the newest.
    """
    versions = probe_versions()
    wanted = {item.name: item.minimum for item in REQUIREMENTS} | dict(minimums or {})
    if wrong := find_shortcomings(versions, wanted):
        packages = [item.package for item in REQUIREMENTS if item.name in dict(wrong)]
        raise HostError(
            "the host's toolchain cannot build this kernel",
            **dict(wrong),
            fix=f"--toolchain toolroot, or apt-get install {' '.join(packages)}",
        )
    known = {name: version for name, version in versions.items() if version is not None}
    return Toolchain(root=None, versions=tuple(sorted(known.items())), identity=f"host-{identity_of(known)}")
