"""Debian's kernel packages, of sources and of built kernels: lists them and fetches one.

Uses the host's apt, with lists and settings of its own in the cache, so
that neither the host's configuration nor the toolroot is touched, and an
ordinary user can do it. apt verifies what it fetches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache
from rustbed.errors import UsageError
from rustbed.progress import Progress, Report
from rustbed.toolroot import mirror
from rustbed.toolroot.toolchain import version_key
from rustbed.toolroot.toolroot import BACKPORTS, SUITE

_SUITES = (SUITE, BACKPORTS)
_KEYRINGS = tuple(Path("/usr/share/keyrings/debian-archive-keyring" + suffix) for suffix in (".gpg", ".pgp"))
# prefixes of packages: sources, and built kernels (7.3.4+deb13-amd64)
SOURCE, BINARY = "linux-source-", "linux-binary-"


@dataclass(frozen=True, kw_only=True)
class KernelPackage:
    """A kernel package on a mirror."""

    # "linux-source-7.3", "linux-binary-7.3.4+deb13-amd64"
    name: str
    # Debian's version, "7.3.4-1~bpo13+1"
    version: str

    @property
    def upstream(self) -> str:
        """The kernel's version: "7.3.4"."""
        return self.version.partition(":")[2].partition("-")[0] or self.version.partition("-")[0]

    def __str__(self) -> str:
        """Return the package and version as an argument of apt."""
        return f"{self.name}={self.version}"


def parse_madison(text: str, prefix: str = SOURCE) -> tuple[KernelPackage, ...]:
    """Return the packages in the output of `apt-cache madison`, newest kernel first."""
    rows = [[column.strip() for column in line.split("|")] for line in text.splitlines()]
    rest = r"[\d.]+" if prefix == SOURCE else r"[\d.]+\+\S+"
    found = {
        KernelPackage(name=row[0], version=row[1])
        for row in rows
        if len(row) == 3 and re.fullmatch(prefix + rest, row[0])
    }
    return tuple(sorted(found, key=lambda item: (version_key(item.upstream), item.version), reverse=True))


def choose_package(packages: Sequence[KernelPackage], wanted: str) -> KernelPackage:
    """Return the newest package for "latest", "7.2" or "7.2.9".

    Raises UsageError, which lists the available versions, because Debian drops old kernels.
    """
    for package in packages:
        if wanted == "latest" or f"{package.upstream}.".startswith(f"{wanted}."):
            return package
    known = ", ".join(dict.fromkeys(package.upstream for package in packages)) or "none at all"
    raise UsageError(f"Debian has no kernel {wanted!r}", available=known)


def list_packages(
    cache: Cache, report: Report, prefix: str = SOURCE, debian_arch: str = ""
) -> tuple[KernelPackage, ...]:
    """List the mirror's current kernels, for the host or an architecture. Raises HostError."""
    apt = _Apt(cache, debian_arch)
    with cache.lock("apt"):
        report(Progress(what="Debian's kernels", detail="looking up the versions"))
        apt.run("update", attempted="fetching Debian's package lists")
        names = apt.query("pkgnames", prefix).split()
        return parse_madison(apt.query("madison", *sorted(names)), prefix) if names else ()


def fetch_package(
    package: KernelPackage, directory: Path, cache: Cache, report: Report, debian_arch: str = ""
) -> Path:
    """Fetch a package, verified by apt, into `directory` and return the .deb file's path."""
    what = f"fetching {package}"

    def on_line(line: str) -> None:
        if found := re.match(r"dlstatus:\d+:([\d.]+):", line):
            report(Progress(what=what, done=int(float(found[1])), total=100))

    with cache.lock("apt"):
        _Apt(cache, debian_arch).run("download", str(package), attempted=what, cwd=directory, on_line=on_line)
    report(Progress(what=what, done=100, total=100, finished=True))
    return next(iter(directory.glob("*.deb")))


@dataclass(frozen=True)
class _Apt:
    """The host's apt with lists and settings of its own."""

    cache: Cache
    # empty: the host's
    debian_arch: str

    def run(
        self,
        *words: str,
        attempted: str,
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run apt-get. Raises HostError, which says what went wrong."""
        log = self.cache.root / "logs" / "apt.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        argv = [process.require_program("apt-get", "apt"), *self._settings(), *words]
        if process.run_logged(argv, log=log, cwd=cwd, env={"LC_ALL": "C.UTF-8"}, on_line=on_line) != 0:
            raise mirror.failure(attempted, log)

    def query(self, *words: str) -> str:
        """Return the output of apt-cache."""
        argv = [process.require_program("apt-cache", "apt"), *self._settings(), *words]
        return process.run(argv, attempted="asking apt which kernels there are").text

    def _settings(self) -> list[str]:
        """Return apt's options, after creating the files that they name."""
        home = self.cache.root / "apt" / self.debian_arch
        for name in ("state/lists/partial", "cache/archives/partial"):
            (home / name).mkdir(parents=True, exist_ok=True)
        keyring = next((f"[signed-by={path}] " for path in _KEYRINGS if path.exists()), "")
        url = mirror.find_mirror()
        sources = "".join(f"deb {keyring}{url} {suite} main\n" for suite in _SUITES)
        (home / "sources.list").write_text(sources)
        options = {
            "Dir::State": home / "state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": home / "cache",
            "Dir::Etc::sourcelist": home / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            # the user that apt would change to may have no access to the cache
            "APT::Sandbox::User": "root",
            "APT::Status-Fd": 1,
            "Acquire::Languages": "none",
            "Acquire::Retries": 3,
            "Acquire::http::Timeout": 30,
            "Acquire::https::Timeout": 30,
            # an unreachable mirror is an error, not a warning
            "APT::Update::Error-Mode": "any",
        }
        if self.debian_arch:
            options |= {"APT::Architecture": self.debian_arch, "APT::Architectures": self.debian_arch}
        return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
